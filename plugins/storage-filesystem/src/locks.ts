import { join } from 'node:path';
import { StorageError } from '@entrepot/plugin-sdk';
import { Lock } from './lock.ts';

/** Processes that share a root have to agree on this number. */
const LOCKS = 32;
/** The longest wait for a lock, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Mutual exclusion by key, among all processes that share the directory of the lock files. Keys share {@link LOCKS}
 * locks, so work under a lock has to be short and must not ask for another.
 */
export class Locks {
  readonly #directory: string;
  readonly #patience: number;
  readonly #locks = new Map<number, Lock>();
  #closed = false;

  constructor(directory: string, patience = PATIENCE) {
    this.#directory = directory;
    this.#patience = patience;
  }

  /**
   * Does `work` while nobody else holds the lock of `key`.
   * @throws StorageError `UNAVAILABLE` when the lock is not to be had in time.
   */
  async hold<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const lock = this.#lockOf(key);
    await lock.enter();
    try {
      return await work();
    } finally {
      lock.leave();
    }
  }

  /** Lets go of all locks. */
  close(): void {
    this.#closed = true;
    for (const lock of this.#locks.values()) lock.close();
    this.#locks.clear();
  }

  #lockOf(key: string): Lock {
    if (this.#closed) throw new StorageError('UNAVAILABLE', 'the storage driver has been stopped');
    const number = numberOf(key);
    let lock = this.#locks.get(number);
    if (lock === undefined) {
      lock = new Lock(join(this.#directory, number.toString(16).padStart(2, '0')), this.#patience);
      this.#locks.set(number, lock);
    }
    return lock;
  }
}

/** FNV-1a. Part of the layout: all processes have to take the same lock for a key. */
function numberOf(key: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1)
    sum = Math.imul(sum ^ key.charCodeAt(index), 0x01000193);
  return (sum >>> 0) % LOCKS;
}
