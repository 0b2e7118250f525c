import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from './errors.ts';
import type { Root } from './root.ts';
import { SharedRun } from './shared-run.ts';
import { fsync, letGo, makeDirectories, open } from './system-calls.ts';

/** How many directories are remembered as settled, before all are forgotten and synced once more. */
const REMEMBERED = 10_000;

/**
 * The directories of objects. They are created when a name is to be made in them and never removed: an empty one is
 * invisible, and removing it would be a race with the next name.
 *
 * A file that has been synced may still lose its name when power fails: the name is content of the directory, and the
 * name of a new directory is content of the one above it. Hence {@link Directories.sync}.
 */
export class Directories {
  readonly #root: Root;
  readonly #runs = new Map<string, SharedRun<void>>();
  /** Directories whose own name, and that of each directory above them, is known to be durable. */
  readonly #settled = new Set<string>();

  constructor(root: Root) {
    this.#root = root;
  }

  /** Does `makeName`, which makes a name in `directory`; if that fails for want of a directory, creates it first. */
  async with(directory: string, makeName: () => Promise<void>): Promise<void> {
    try {
      await makeName();
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      await this.#root.confirm();
      await makeDirectories(directory);
      this.#forget(directory);
      await makeName();
    }
  }

  /**
   * Returns when every change of names in `directory` that has been made before the call is durable. Many callers share
   * one sync. The first call for a directory syncs those above it too, whoever created them: another process may
   * have done it and not have come to syncing it yet.
   */
  async sync(directory: string): Promise<void> {
    if (this.#isSettled(directory)) return this.#syncOne(directory);
    const unsettled: string[] = [];
    let path = directory;
    for (; !this.#isSettled(path); path = dirname(path)) unsettled.push(path);
    await Promise.all([...unsettled, path].map((each) => this.#syncOne(each)));
    if (this.#settled.size > REMEMBERED) this.#settled.clear();
    for (const each of unsettled) this.#settled.add(each);
  }

  #isSettled(directory: string): boolean {
    return this.#root.isTop(directory) || this.#settled.has(directory);
  }

  /** `directory`, or some above it, have been created anew. */
  #forget(directory: string): void {
    for (let path = directory; !this.#root.isTop(path); path = dirname(path)) this.#settled.delete(path);
  }

  async #syncOne(directory: string): Promise<void> {
    let run = this.#runs.get(directory);
    if (run === undefined) {
      run = new SharedRun(() => syncDirectory(directory));
      this.#runs.set(directory, run);
    }
    try {
      await run.join();
    } finally {
      if (run.idle && this.#runs.get(directory) === run) this.#runs.delete(directory);
    }
  }
}

/** Makes the names in one directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const fd = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await fsync(fd);
  } finally {
    letGo(fd);
  }
}
