import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StorageError } from '@entrepot/plugin-sdk';

/** How long a process may keep a lock to itself while others of its own calls wait for it, in milliseconds. */
const TURN = 40;
/** How long it then leaves the lock alone: longer than {@link RETRY}, so that another process is sure to try meanwhile. */
const PAUSE = 6;
/** The longest time between two tries to get a lock that another process holds, in milliseconds. */
const RETRY = 4;

interface Waiter {
  readonly enter: () => void;
  readonly refuse: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * One lock among processes: a file that SQLite locks with fcntl(2) while a transaction is open in it. The kernel takes
 * the lock away from a process that dies, however it dies, so no lock is ever stale and no clock or process id has to
 * be believed. The transaction is always rolled back and its journal is in memory: nothing is written, the file stays
 * empty, and taking and returning the lock are ten system calls that never wait, some ten microseconds together.
 * Nobody else may open or close the file: closing any descriptor of it would drop the locks of the process.
 *
 * Within the process those who want the lock queue up, and the lock goes from one to the next without being returned,
 * until {@link TURN} is over and other processes get their chance.
 */
export class Lock {
  readonly #path: string;
  readonly #patience: number;
  readonly #waiters: Waiter[] = [];
  #file:
    | { readonly database: DatabaseSync; readonly lock: StatementSync; readonly unlock: StatementSync }
    | undefined;
  /** When the turn of this process began; `undefined` while it does not hold the lock. */
  #since: number | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** `patience` is the longest wait, in milliseconds. */
  constructor(path: string, patience: number) {
    this.#path = path;
    this.#patience = patience;
  }

  /** @throws StorageError `UNAVAILABLE` when the lock is not to be had in time, or its file not to be used. */
  async enter(): Promise<void> {
    if (this.#since === undefined && this.#retry === undefined && this.#take()) return;
    await new Promise<void>((enter, refuse) => {
      const timer = setTimeout(() => this.#giveUp(waiter), this.#patience);
      const waiter: Waiter = { enter, refuse, timer };
      this.#waiters.push(waiter);
      if (this.#since === undefined) this.#retryIn(Math.random() * RETRY);
    });
  }

  /** Passes the lock on. Called once for each {@link enter} that has returned. */
  leave(): void {
    if (this.#since === undefined) return; // closed meanwhile
    const more = this.#waiters.length > 0;
    if (more && performance.now() - this.#since < TURN) return this.#admit();
    this.#file?.unlock.run();
    this.#since = undefined;
    if (more) this.#retryIn(PAUSE);
  }

  /** Returns the lock and refuses all who wait. */
  close(): void {
    clearTimeout(this.#retry);
    this.#refuse(new StorageError('UNAVAILABLE', 'the storage driver has been stopped'));
    this.#since = undefined;
    this.#file?.database.close();
    this.#file = undefined;
  }

  /** Whether the lock is ours now. */
  #take(): boolean {
    try {
      this.#file ??= openLockFile(this.#path);
      this.#file.lock.run();
    } catch (error) {
      if (isBusy(error)) return false;
      throw new StorageError('UNAVAILABLE', 'a lock file cannot be used', { cause: error });
    }
    this.#since = performance.now();
    return true;
  }

  #retryIn(milliseconds: number): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      if (this.#waiters.length === 0) return;
      try {
        if (this.#take()) this.#admit();
        else this.#retryIn(Math.random() * RETRY);
      } catch (error) {
        this.#refuse(error);
      }
    }, milliseconds);
  }

  /** Lets the next one in. */
  #admit(): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    clearTimeout(waiter.timer);
    waiter.enter();
  }

  #giveUp(waiter: Waiter): void {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    waiter.refuse(new StorageError('UNAVAILABLE', 'the lock of this object was not to be had in time'));
  }

  #refuse(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.refuse(error);
    }
  }
}

function openLockFile(path: string) {
  const database = new DatabaseSync(path);
  // Small pages: the cache of a connection is allocated by the page. The journal is needed by nothing but BEGIN.
  database.exec('PRAGMA page_size = 512; PRAGMA journal_mode = MEMORY');
  return { database, lock: database.prepare('BEGIN IMMEDIATE'), unlock: database.prepare('ROLLBACK') };
}

/** SQLITE_BUSY, in its plain form or an extended one. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    'errcode' in error &&
    typeof error.errcode === 'number' &&
    (error.errcode & 0xff) === 5
  );
}
