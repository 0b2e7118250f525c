import { opendir, readdir } from 'node:fs/promises';
import { isAbsence } from './errors.ts';
import type { Root } from './root.ts';
import { SharedRun } from './shared-run.ts';
import { sortNames } from './sorted-names.ts';
import { Stamp } from './stamp.ts';
import { lstat } from './system-calls.ts';

/** The most names kept of all directories together, some 40 MB; the directory read last is kept whatever its size. */
const KEPT = 500_000;
/** Entries read in one go. */
const BATCH = 1000;
/** Bytes of a directory whose entries are read all at once: some hundreds, where file systems say how long it is. */
const SMALL = 32 * 1024;
/** What a segment of a key looks like. Anything else in a directory is foreign. */
const SEGMENT = /^[A-Za-z0-9._~-]{1,255}$/;

interface Listing {
  /** In byte order; those of directories end in `/`, which puts them where the keys below them belong. */
  readonly names: readonly string[];
  readonly stamp: Stamp;
}

/**
 * Sorted names of directories. A directory of 100,000 entries takes 100 ms to read and sort, so what has been read is
 * kept, and used again while the directory's stamp vouches for it: the times of a directory change with its names.
 */
export class DirectoryNames {
  /** In the order of their last use. */
  readonly #listings = new Map<string, Listing>();
  readonly #runs = new Map<string, SharedRun<readonly string[]>>();
  readonly #root: Root;
  #kept = 0;

  constructor(root: Root) {
    this.#root = root;
  }

  /** Names in the directory at `path`; none when there is no such directory. */
  async in(path: string): Promise<readonly string[]> {
    const listing = this.#listings.get(path);
    if (listing !== undefined) {
      try {
        if (listing.stamp.vouches(await lstat(path))) {
          this.#keep(path, listing);
          return listing.names;
        }
      } catch (error) {
        if (!isAbsence(error)) throw error;
      }
    }
    return this.#read(path);
  }

  /** Reads the directory once for all who ask before it begins. */
  async #read(path: string): Promise<readonly string[]> {
    let run = this.#runs.get(path);
    if (run === undefined) {
      run = new SharedRun(() => this.#readOnce(path));
      this.#runs.set(path, run);
    }
    try {
      return await run.join();
    } finally {
      if (run.idle && this.#runs.get(path) === run) this.#runs.delete(path);
    }
  }

  async #readOnce(path: string): Promise<readonly string[]> {
    this.#forget(path);
    try {
      const now = Date.now();
      // Before the names: what changes while they are read gives the directory another time than this one.
      const stat = await lstat(path);
      const stamp = new Stamp(stat, now);
      const names = await readNames(path, stat.size);
      this.#keep(path, { names, stamp });
      return names;
    } catch (error) {
      if (!isAbsence(error)) throw error;
      await this.#root.confirm();
      return [];
    }
  }

  #keep(path: string, listing: Listing): void {
    this.#forget(path);
    this.#listings.set(path, listing);
    this.#kept += listing.names.length;
    for (const oldest of this.#listings.keys()) {
      if (this.#kept <= KEPT || oldest === path) break;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    const listing = this.#listings.get(path);
    if (listing === undefined) return;
    this.#listings.delete(path);
    this.#kept -= listing.names.length;
  }
}

/**
 * A small directory is read in one call of the system's threads, where a walk takes four; a large one a piece at a time, so
 * that nothing else waits for it. Symbolic links and whatever else is neither file nor directory are foreign, too.
 */
async function readNames(path: string, size: number): Promise<readonly string[]> {
  const names: string[] = [];
  const entries =
    size <= SMALL ? await readdir(path, { withFileTypes: true }) : await opendir(path, { bufferSize: BATCH });
  for await (const entry of entries) {
    if (!SEGMENT.test(entry.name)) continue;
    if (entry.isFile()) names.push(entry.name);
    else if (entry.isDirectory()) names.push(`${entry.name}/`);
  }
  return sortNames(names);
}
