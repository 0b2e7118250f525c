import { setTimeout as pause } from 'node:timers/promises';
import {
  isStorageError,
  type ListPage,
  type SmallObject,
  type StorageDriver,
  type StorageError,
} from '@entrepot/plugin-sdk';
import { forEachLimited } from '../concurrency.ts';
import { decodeRecord, type RecordFormat } from '../records.ts';

/** Keys asked for, or removed, in one call. */
const KEYS_AT_ONCE = 1000;
/** So many keys of a page count as another call. */
const KEYS_LIKE_A_CALL = 50;
/** Objects read, written or removed at once. */
export const AT_ONCE = 32;
/** Waits that are shorter are let go: timers are not that precise; milliseconds. */
const SHORTEST_WAIT = 5;

export interface Pace {
  /** The most calls of the storage a second; without, as many as it answers. */
  readonly callsPerSecond?: number | undefined;
  /** Ends the work: the next call throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A record as it is in storage at this moment. */
export interface Found<Value> {
  /** `undefined` when the record is damaged. */
  readonly value: Value | undefined;
  readonly object: SmallObject;
}

/**
 * The storage as collection uses it: past all caches, no faster than it may, and until it is told to stop. What has been
 * changed by others meanwhile is a value here, not an error: it is what collection looks out for.
 */
export class PacedStorage {
  readonly #driver: StorageDriver;
  readonly #interval: number;
  readonly #signal: AbortSignal | undefined;
  #next = 0;

  constructor(driver: StorageDriver, { callsPerSecond = Infinity, signal }: Pace) {
    this.#driver = driver;
    this.#interval = 1000 / callsPerSecond;
    this.#signal = signal;
  }

  /** Waits until another call may be made. @throws the reason of the signal. */
  async turn(): Promise<void> {
    this.#signal?.throwIfAborted();
    if (this.#interval === 0) return;
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#interval;
    if (at - now < SHORTEST_WAIT) return;
    await pause(at - now);
    this.#signal?.throwIfAborted();
  }

  async read<Value>(format: RecordFormat<Value>, key: string): Promise<Found<Value> | undefined> {
    await this.turn();
    const object = await this.#driver.read(key);
    return object === undefined ? undefined : { object, value: decodeRecord(format, key, object.bytes) };
  }

  async size(key: string): Promise<number | undefined> {
    await this.turn();
    return this.#driver.size(key);
  }

  /** Replaces this version of a record. Gives the new one; `undefined` when somebody has changed it meanwhile. */
  async replace<Value>(
    format: RecordFormat<Value>,
    key: string,
    value: Value,
    { etag }: SmallObject,
  ): Promise<SmallObject | undefined> {
    await this.turn();
    try {
      return await this.#driver.write(key, format.encode(value), { ifMatch: etag });
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return undefined;
      throw error;
    }
  }

  /** Removes this version of an object. Whether that is what is gone: a later version stays. */
  async remove(key: string, { etag }: Pick<SmallObject, 'etag'>): Promise<boolean> {
    await this.turn();
    try {
      await this.#driver.delete(key, { ifMatch: etag });
      return true;
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return false;
      throw error;
    }
  }

  /** How many bytes are best removed at once. */
  get removedAtOnce(): number {
    return this.#driver.deleteMany === undefined ? AT_ONCE : KEYS_AT_ONCE;
  }

  /** Removes bytes, whose keys are never used again. Gives those that may still be there, each with its reason. */
  async removeBytes(all: readonly string[]): Promise<ReadonlyMap<string, StorageError>> {
    if (this.#driver.deleteMany !== undefined && all.length > 1) {
      await this.turn();
      return this.#driver.deleteMany(all);
    }
    await forEachLimited(all, AT_ONCE, async (key) => {
      await this.turn();
      await this.#driver.delete(key);
    });
    return new Map();
  }

  async list(prefix: string, startAfter: string): Promise<ListPage> {
    await this.turn();
    const page = await this.#driver.list(prefix, { startAfter, limit: KEYS_AT_ONCE });
    // A directory works much longer on a page of keys than on an object.
    this.#next += this.#interval * Math.floor(page.keys.length / KEYS_LIKE_A_CALL);
    return page;
  }

  /** All keys under a prefix, page by page. */
  async *pages(prefix: string): AsyncGenerator<readonly string[]> {
    let startAfter = '';
    for (let more = true; more;) {
      const page = await this.list(prefix, startAfter);
      yield page.keys;
      startAfter = page.keys.at(-1) ?? startAfter;
      ({ more } = page);
    }
  }
}
