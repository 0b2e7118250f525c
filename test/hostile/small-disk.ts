import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rmdir, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system in memory with little room, for a storage that is to run out of it. Mounting needs root, or sudo. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(bytes: number): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), 'entrepot-disk-'));
    await asRoot('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0777`, 'tmpfs', path);
    return new SmallDisk(path);
  }

  /** Bytes that are taken. */
  async used(): Promise<number> {
    const { blocks, bfree, bsize } = await statfs(this.path);
    return (blocks - bfree) * bsize;
  }

  /** How many files lie in a folder of it. */
  async count(folder: string): Promise<number> {
    return (await readdir(join(this.path, folder))).length;
  }

  /** Changes the permissions of folders of it. */
  async permit(mode: number, ...folders: readonly string[]): Promise<void> {
    for (const folder of folders) await chmod(join(this.path, folder), mode);
  }

  async unmount(): Promise<void> {
    await asRoot('umount', '--lazy', this.path);
    await rmdir(this.path);
  }
}

async function asRoot(...command: readonly string[]): Promise<void> {
  const [program = '', ...parameters] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  await run(program, parameters);
}
