import { StorageError } from '@entrepot/plugin-sdk';

/** An object at rest. Its bytes never change: a new version is a new object. */
export interface StoredObject {
  readonly parts: readonly Uint8Array[];
  /** Bytes of all parts. */
  readonly size: number;
  readonly etag: string;
}

/** Parts of an object that is not complete yet. */
export interface UnfinishedObject {
  /** Names the upload. */
  readonly id: string;
  readonly key: string;
  readonly parts: readonly Uint8Array[];
}

/**
 * The backend: what all drivers of one registry share. Keys are held in order, so that listing costs what it returns.
 * Each method is over before another can begin, which is what makes the conditions of the driver atomic.
 */
export class Memory {
  /** What objects and unfinished uploads may hold together. */
  readonly maxBytes: number;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, UnfinishedObject>();
  /** The keys of `#objects`. In byte order: keys are ASCII, whose order `<` keeps. */
  readonly #keys: string[] = [];
  #used = 0;
  #versions = 0;
  #begun = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /**
   * Creates or replaces an object. The parts are kept as they are.
   * @throws StorageError `NO_SPACE`; nothing has changed then.
   */
  put(key: string, parts: readonly Uint8Array[]): StoredObject {
    const old = this.#objects.get(key);
    const size = sizeOf(parts);
    this.#take(size - (old?.size ?? 0));
    this.#versions += 1;
    const object = { parts, size, etag: String(this.#versions) };
    this.#objects.set(key, object);
    if (old === undefined) this.#keys.splice(this.#rank(key), 0, key);
    return object;
  }

  remove(key: string): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#used -= old.size;
    this.#objects.delete(key);
    this.#keys.splice(this.#rank(key), 1);
  }

  /** Up to `limit` keys that start with `prefix` and come after `startAfter`. */
  keys(prefix: string, startAfter: string | undefined, limit: number): { keys: string[]; more: boolean } {
    let first = this.#rank(prefix);
    if (startAfter !== undefined && startAfter >= prefix) {
      first = this.#rank(startAfter);
      if (this.#keys[first] === startAfter) first += 1;
    }
    const keys = this.#keys.slice(first, first + limit + 1);
    const end = keys.findIndex((key) => !key.startsWith(prefix));
    if (end !== -1) keys.length = end;
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  /** Begins an upload and names it. */
  begin(key: string): string {
    this.#begun += 1;
    const id = String(this.#begun);
    this.#uploads.set(id, { id, key, parts: [] });
    return id;
  }

  upload(id: string): UnfinishedObject | undefined {
    return this.#uploads.get(id);
  }

  /**
   * Makes the parts of `upload` all there is of it.
   * @throws StorageError `NO_SPACE`; nothing has changed then.
   */
  keep(upload: UnfinishedObject): void {
    this.#take(sizeOf(upload.parts) - this.#held(upload.id));
    this.#uploads.set(upload.id, upload);
  }

  /** Forgets an upload. */
  forget(id: string): void {
    this.#used -= this.#held(id);
    this.#uploads.delete(id);
  }

  /** Bytes an upload holds. */
  #held(id: string): number {
    return sizeOf(this.#uploads.get(id)?.parts ?? []);
  }

  #take(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > this.maxBytes) {
      throw new StorageError(
        'NO_SPACE',
        `the memory storage is full: it may hold ${this.maxBytes} bytes (maxBytes)`,
      );
    }
    this.#used += bytes;
  }

  /** How many keys come before `key`. */
  #rank(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#keys[middle];
      if (candidate !== undefined && candidate < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
