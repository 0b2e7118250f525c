import { constants } from 'node:fs';
import { join } from 'node:path';
import { lengthOf } from '@entrepot/plugin-sdk';
import { DirectWrites } from './direct-writes.ts';
import { close, open } from './system-calls.ts';
import { createFile, discard, without, writeAll } from './temporary-files.ts';

/** How many files of unfinished uploads stay open while nobody writes to them. */
const KEPT = 64;
/** How long they do, in milliseconds. A file that another process has completed or removed takes space until then. */
const IDLE = 30_000;
/** How many parts go around the page cache at a time, with a buffer of 1 MiB each. */
const DIRECT = 16;

/** A file of an unfinished upload, open for writing. */
export class UploadFile {
  readonly path: string;
  readonly fd: number;
  readonly #directWrites: DirectWrites;
  #direct: Promise<number | undefined> | undefined;
  /** Bytes in the page cache since it was last sent to the disk. */
  unsynced = 0;
  /** When they were last sent to the disk: going on, over, or failed. */
  sending: Promise<void> = Promise.resolve();
  users = 0;
  lastUse = 0;

  constructor(path: string, fd: number, directWrites: DirectWrites) {
    this.path = path;
    this.fd = fd;
    this.#directWrites = directWrites;
  }

  /** Writes all chunks, from `position` on: whole blocks straight to the disk, where that is possible. */
  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const length = lengthOf(chunks);
    const direct = await this.#writeDirectly(chunks, position, length);
    if (direct === length) return;
    await writeAll(this.fd, without(chunks, direct), position + direct);
    this.unsynced += length - direct;
  }

  async close(): Promise<void> {
    try {
      const direct = await this.#direct;
      if (direct !== undefined) await close(direct);
    } finally {
      await close(this.fd);
    }
  }

  /** Returns how many bytes it has written. */
  async #writeDirectly(chunks: readonly Uint8Array[], position: number, length: number): Promise<number> {
    const applicable = this.#directWrites.applicable(position, length);
    if (applicable === 0) return 0;
    const direct = await this.#openDirectly();
    return direct === undefined ? 0 : this.#directWrites.write(direct, chunks, applicable, position);
  }

  /** A failure is not remembered: there may be no descriptor left just now. */
  #openDirectly(): Promise<number | undefined> {
    this.#direct ??= this.#directWrites.open(this.path).catch((error: unknown) => {
      this.#direct = undefined;
      throw error;
    });
    return this.#direct;
  }
}

/**
 * The files of unfinished uploads, kept open from one part to the next. A descriptor is closed only when nobody uses it:
 * its number may be another file's the next moment.
 */
export class UploadFiles {
  readonly #directory: string;
  readonly #directWrites = new DirectWrites(DIRECT);
  /** By name, in the order of their last use. */
  readonly #open = new Map<string, UploadFile>();
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  async create(name: string): Promise<void> {
    const path = this.path(name);
    this.#keep(name, new UploadFile(path, await createFile(path), this.#directWrites));
  }

  /** Does `work` with the file. Throws what opening the file throws. */
  async use<Result>(name: string, work: (file: UploadFile) => Promise<Result>): Promise<Result> {
    const path = this.path(name);
    const file =
      this.#open.get(name) ?? new UploadFile(path, await open(path, constants.O_WRONLY), this.#directWrites);
    file.users += 1;
    this.#keep(name, file);
    try {
      return await work(file);
    } finally {
      file.users -= 1;
      file.lastUse = performance.now();
      if (this.#open.get(name) !== file) void closeUnused(file);
      this.#closeSurplus();
    }
  }

  /** Closes the file as soon as nobody uses it; resolves once it is closed, if that is now. */
  async forget(name: string): Promise<void> {
    const file = this.#open.get(name);
    if (file === undefined) return;
    this.#open.delete(name);
    await closeUnused(file);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const name of this.#open.keys()) void this.forget(name);
  }

  #keep(name: string, file: UploadFile): void {
    if (this.#open.get(name) !== file) void this.forget(name);
    file.lastUse = performance.now();
    this.#open.delete(name);
    this.#open.set(name, file);
    this.#timer ??= setTimeout(() => this.#closeIdle(), IDLE).unref();
    this.#closeSurplus();
  }

  /** What is in use stays open, however much it is: requests bound it. */
  #closeSurplus(): void {
    if (this.#open.size <= KEPT) return;
    for (const [name, { users }] of this.#open) {
      if (users === 0) void this.forget(name);
      if (this.#open.size <= KEPT) return;
    }
  }

  #closeIdle(): void {
    const since = performance.now() - IDLE;
    for (const [name, { users, lastUse }] of this.#open) {
      if (users === 0 && lastUse <= since) void this.forget(name);
    }
    this.#timer = this.#open.size === 0 ? undefined : setTimeout(() => this.#closeIdle(), IDLE).unref();
  }
}

/** Some file systems tell only now that bytes were lost: an upload without them must not be completed. */
async function closeUnused(file: UploadFile): Promise<void> {
  if (file.users === 0) await file.close().catch(() => discard(file.path));
}
