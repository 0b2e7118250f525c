import { constants } from 'node:fs';
import { join } from 'node:path';
import { close, open } from './system-calls.ts';
import { createFile, discard } from './temporary-files.ts';

/** How many files of unfinished uploads stay open while nobody writes to them. */
const KEPT = 64;
/** How long they do, in milliseconds. A file that another process has completed or removed takes space until then. */
const IDLE = 30_000;

/** A file of an unfinished upload, open for writing. */
export class UploadFile {
  readonly path: string;
  readonly fd: number;
  /** Bytes written since they were last sent to the disk. */
  unsynced = 0;
  /** When they were last sent to the disk: going on, over, or failed. */
  sending: Promise<void> = Promise.resolve();
  users = 0;
  lastUse = 0;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }
}

/**
 * The files of unfinished uploads, kept open from one part to the next. A descriptor is closed only when nobody uses it:
 * its number may be another file's the next moment.
 */
export class UploadFiles {
  readonly #directory: string;
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
    this.#keep(name, new UploadFile(path, await createFile(path)));
  }

  /** Does `work` with the file. Throws what opening the file throws. */
  async use<Result>(name: string, work: (file: UploadFile) => Promise<Result>): Promise<Result> {
    const path = this.path(name);
    const file = this.#open.get(name) ?? new UploadFile(path, await open(path, constants.O_WRONLY));
    file.users += 1;
    this.#keep(name, file);
    try {
      return await work(file);
    } finally {
      file.users -= 1;
      file.lastUse = performance.now();
      if (this.#open.get(name) !== file) closeUnused(file);
      this.#closeSurplus();
    }
  }

  /** Closes the file as soon as nobody uses it. */
  forget(name: string): void {
    const file = this.#open.get(name);
    if (file === undefined) return;
    this.#open.delete(name);
    closeUnused(file);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const name of this.#open.keys()) this.forget(name);
  }

  #keep(name: string, file: UploadFile): void {
    if (this.#open.get(name) !== file) this.forget(name);
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
      if (users === 0) this.forget(name);
      if (this.#open.size <= KEPT) return;
    }
  }

  #closeIdle(): void {
    const since = performance.now() - IDLE;
    for (const [name, { users, lastUse }] of this.#open) {
      if (users === 0 && lastUse <= since) this.forget(name);
    }
    this.#timer = this.#open.size === 0 ? undefined : setTimeout(() => this.#closeIdle(), IDLE).unref();
  }
}

/** Some file systems tell only now that bytes were lost: an upload without them must not be completed. */
function closeUnused(file: UploadFile): void {
  if (file.users === 0) void close(file.fd).catch(() => discard(file.path));
}
