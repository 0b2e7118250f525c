import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface RotatedFileOptions {
  readonly path: string;
  /** Bytes after which the file is set aside and another one begun. */
  readonly maxBytes: number;
  /** Milliseconds after which it is, whatever its size. */
  readonly maxAge: number;
  /** Files that have been set aside and stay; the oldest go. */
  readonly keepFiles: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  readonly since: number;
  bytes: number;
}

/**
 * A file that lines are added to, and that never grows beyond all bounds: full or old, it is renamed to its name with the
 * time behind it, and another one begins. Several processes may write to one file: each looks whether it is still the
 * same before it adds a line.
 */
export class RotatedFile {
  readonly #options: RotatedFileOptions;
  #file: OpenFile | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RotatedFileOptions) {
    this.#options = options;
  }

  /** Adds a line, behind all that were added before. @throws Error of the file system. */
  async add(line: string): Promise<void> {
    const adding = this.#writing.then(() => this.#add(Buffer.from(`${line}\n`)));
    this.#writing = adding.catch(() => undefined);
    await adding;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#close();
  }

  async #add(bytes: Buffer): Promise<void> {
    const file = await this.#current(bytes.length);
    // A single append: lines of several processes do not mix.
    await file.handle.appendFile(bytes);
    file.bytes += bytes.length;
  }

  /** The file that has room for so many bytes. */
  async #current(bytes: number): Promise<OpenFile> {
    const { path, maxBytes, maxAge, now } = this.#options;
    const there = await this.#stat();
    if (this.#file !== undefined && this.#file.inode !== there?.ino) await this.#close();
    const file = this.#file ?? (await this.#open());
    const size = there === undefined || there.ino !== file.inode ? file.bytes : there.size;
    const isFull = size > 0 && size + bytes > maxBytes;
    const isOld = size > 0 && now() - file.since > maxAge;
    if (!isFull && !isOld) return file;
    await this.#close();
    const time = new Date(now()).toISOString().replaceAll(/[:.]/g, '-');
    await rename(path, `${path}.${time}.${process.pid}`);
    await this.#trim();
    return this.#open();
  }

  async #open(): Promise<OpenFile> {
    // Whoever reads it may read who has pulled what: it is for its owner, and its group.
    const handle = await open(this.#options.path, 'a', 0o640);
    const { ino, size, birthtimeMs } = await handle.stat();
    const since = size === 0 ? this.#options.now() : birthtimeMs;
    this.#file = { handle, inode: ino, bytes: size, since };
    return this.#file;
  }

  async #close(): Promise<void> {
    const { handle } = this.#file ?? {};
    this.#file = undefined;
    await handle?.close();
  }

  async #stat(): Promise<{ readonly ino: number; readonly size: number } | undefined> {
    try {
      return await stat(this.#options.path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Names have the time in them, so that they sort by it. */
  async #trim(): Promise<void> {
    const { path, keepFiles } = this.#options;
    const folder = dirname(path);
    const prefix = `${basename(path)}.`;
    const aside = (await readdir(folder))
      .filter((name) => name.startsWith(prefix) && ASIDE.test(name))
      .sort();
    for (const name of aside.slice(0, Math.max(0, aside.length - keepFiles)))
      await rm(join(folder, name), { force: true });
  }
}

const ASIDE = /\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z\.\d+$/;
