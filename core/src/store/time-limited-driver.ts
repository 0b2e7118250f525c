import {
  lengthOf,
  type ByteRange,
  type LargeObject,
  type ListOptions,
  type ListPage,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type UploadState,
  type WriteOptions,
} from '@entrepot/plugin-sdk';
import { CallWatch } from './call-watch.ts';

/** How long storage may take for a call, in milliseconds. */
export interface StorageTimeLimits {
  readonly call: number;
  /** More for each byte the call carries, so that a slow line is not taken for a dead one. */
  readonly perByte: number;
  /** For making a large object visible: a backend may sync or assemble gigabytes then. */
  readonly completion: number;
  /** For any call, once storage is taken for dead. */
  readonly whileDead: number;
}

const timeLimits: StorageTimeLimits = {
  call: 60_000,
  perByte: 0.01,
  completion: 30 * 60_000,
  whileDead: 5_000,
};

/**
 * Waits for storage, but not for ever: a call that is not answered in time is `UNAVAILABLE`, whatever becomes of it.
 * That is what a lost answer is, too, so the store is used to not knowing whether a write has happened. What comes late
 * is cleaned up: an open object is closed, an upload nobody knows of is aborted. A part that may still be written is
 * not overtaken: an upload goes on, or is aborted, when its overdue call has settled.
 */
export class TimeLimitedDriver implements StorageDriver {
  readonly deleteMany?: NonNullable<StorageDriver['deleteMany']>;
  readonly #driver: StorageDriver;
  readonly #limits: StorageTimeLimits;
  readonly #watch: CallWatch;
  /** Calls for uploads that are overdue, by key. They never reject. */
  readonly #overdue = new Map<string, Promise<void>>();

  constructor(driver: StorageDriver, limits: StorageTimeLimits = timeLimits) {
    this.#driver = driver;
    this.#limits = limits;
    this.#watch = new CallWatch(limits.whileDead);
    const deleteMany = driver.deleteMany?.bind(driver);
    if (deleteMany !== undefined) this.deleteMany = (keys) => this.#call(deleteMany(keys));
  }

  partSize(offset: number): number {
    return this.#driver.partSize(offset);
  }

  read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return this.#call(this.#driver.read(key, known));
  }

  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    return this.#call(this.#driver.write(key, bytes, options), bytes.length);
  }

  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.#call(this.#driver.delete(key, options));
  }

  list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#call(this.#driver.list(prefix, options));
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const opening = this.#driver.open(key, range);
    try {
      const object = await this.#call(opening);
      return object === undefined ? undefined : this.#limited(object);
    } catch (error) {
      tidy(opening.then((object) => object?.close()));
      throw error;
    }
  }

  size(key: string): Promise<number | undefined> {
    return this.#call(this.#driver.size(key));
  }

  async createUpload(key: string): Promise<UploadState> {
    const creating = this.#driver.createUpload(key);
    try {
      return await this.#call(creating);
    } catch (error) {
      tidy(creating.then((state) => this.#driver.abortUpload({ key, offset: 0, parts: 0, state })));
      throw error;
    }
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const limit = this.#limits.call + lengthOf(part) * this.#limits.perByte;
    return this.#inTurn(upload.key, limit, () => this.#driver.uploadPart(upload, part));
  }

  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const limit = this.#limits.completion + lengthOf(lastPart) * this.#limits.perByte;
    return this.#inTurn(upload.key, limit, () => this.#driver.completeUpload(upload, lastPart));
  }

  async abortUpload(upload: Upload): Promise<void> {
    const overdue = this.#overdue.get(upload.key);
    if (overdue === undefined) return this.#call(this.#driver.abortUpload(upload));
    tidy(overdue.then(() => this.#driver.abortUpload(upload)));
  }

  #call<Result>(call: Promise<Result>, bytes = 0): Promise<Result> {
    return this.#watch.over(call, this.#limits.call + bytes * this.#limits.perByte);
  }

  /** Makes a call for an upload once the one before it has settled, be it that nobody waits for it any more. */
  async #inTurn<Result>(key: string, limit: number, begin: () => Promise<Result>): Promise<Result> {
    const overdue = this.#overdue.get(key);
    if (overdue !== undefined) await this.#watch.over(overdue, this.#limits.whileDead);
    const call = begin();
    try {
      return await this.#watch.over(call, limit);
    } catch (error) {
      const settled: Promise<void> = Promise.allSettled([call]).then(() => {
        if (this.#overdue.get(key) === settled) this.#overdue.delete(key);
      });
      this.#overdue.set(key, settled);
      throw error;
    }
  }

  #limited(object: LargeObject): LargeObject {
    return {
      size: object.size,
      read: () => this.#call(object.read()),
      close: () => object.close(),
    };
  }
}

/** Cleans up what nobody waits for any more. When that fails too, the sweep of storage or the end of the process does it. */
function tidy(work: Promise<unknown>): void {
  void Promise.allSettled([work]);
}
