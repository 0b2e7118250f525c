import { randomBytes } from 'node:crypto';
import { isStorageError, type Logger, type SmallObject, type StorageDriver } from '@entrepot/plugin-sdk';
import { LRUCache } from 'lru-cache';
import { messageOf } from '../error-message.ts';
import type { CacheCount } from './cache-count.ts';
import { Coalesced } from './coalesced.ts';

/** A record as read: its value, and the version it was read at. */
export interface Stored<Value> {
  readonly value: Value;
  readonly object: SmallObject;
}

interface Entry<Value> {
  readonly object: SmallObject;
  /** `undefined` when the bytes make no sense: a damaged record counts as absent and may be overwritten. */
  readonly value: Value | undefined;
}

/** What a record was a moment ago, for {@link Records.update} to begin with. */
export interface Seen<Value> {
  /** `undefined` when there was none, or none that made sense. */
  readonly stored: Stored<Value> | undefined;
}

/** How a kind of record is spelled in bytes. `decode` gives `undefined` for what it did not write. */
export interface RecordFormat<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value | undefined;
  /** Whether `key` is where the value belongs, for values that can tell: one in another's place is damage as well. */
  belongs?(value: Value, key: string): boolean;
}

/** What the bytes under `key` say; `undefined` when they are damaged. */
export function decodeRecord<Value>(
  format: RecordFormat<Value>,
  key: string,
  bytes: Uint8Array,
): Value | undefined {
  const value = format.decode(bytes);
  return value === undefined || format.belongs?.(value, key) === false ? undefined : value;
}

export interface RecordsOptions {
  readonly log: Logger;
  /** Bound of the cache of parsed records. */
  readonly cacheBytes: number;
  /** The records may be lost with the power: nobody has been promised more. */
  readonly transient?: boolean;
  /** Counts what need not be transferred and parsed again. */
  readonly count?: CacheCount;
}

/** Bytes that a remembered record takes besides its own: objects, parsed value, place in the cache. Measured, roughly. */
const ENTRY_OVERHEAD = 1000;
/** Attempts of a compare-and-swap before giving up: each lost one means that somebody else has made progress. */
const ATTEMPTS = 100;

/**
 * One kind of small record under storage keys: read, create, compare-and-swap. The cache spares parsing, never the
 * question to storage: each read asks the driver whether the version still stands, and many at once ask together.
 */
export class Records<Value> {
  readonly #driver: StorageDriver;
  readonly #format: RecordFormat<Value>;
  readonly #log: Logger;
  readonly #transient: boolean;
  readonly #count: CacheCount | undefined;
  readonly #cache: LRUCache<string, Entry<Value>>;
  readonly #loads = new Coalesced((key) => this.#fetch(key));

  constructor(driver: StorageDriver, format: RecordFormat<Value>, options: RecordsOptions) {
    this.#driver = driver;
    this.#format = format;
    this.#log = options.log;
    this.#transient = options.transient ?? false;
    this.#count = options.count;
    this.#cache = new LRUCache({
      maxSize: options.cacheBytes,
      sizeCalculation: (entry, key) => entry.object.bytes.length + key.length + ENTRY_OVERHEAD,
    });
  }

  async read(key: string): Promise<Stored<Value> | undefined> {
    const entry = await this.#load(key);
    return entry === undefined ? undefined : sound(entry);
  }

  /** Like {@link read}, for an {@link update} that follows. */
  async see(key: string): Promise<Seen<Value>> {
    return { stored: await this.read(key) };
  }

  /** What the record was when it was last read or written here, if that is remembered. Storage is not asked. */
  remembered(key: string): Value | undefined {
    const value = this.#cache.get(key)?.value;
    if (value !== undefined) this.#count?.hit();
    return value;
  }

  /** Writes the record if there is none, or none that makes sense. Gives `undefined` when there is one. */
  async create(key: string, value: Value): Promise<Stored<Value> | undefined> {
    try {
      return await this.#write(key, value, { ifAbsent: true });
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
    const found = await this.#load(key);
    if (found?.value !== undefined) return undefined;
    return this.#swap(key, value, found);
  }

  /** Replaces the very version `current`. Gives `undefined` when it is no longer the one in storage. */
  replace(key: string, value: Value, current: Stored<Value>): Promise<Stored<Value> | undefined> {
    return this.#swap(key, value, current);
  }

  /**
   * Reads, changes and writes the record until nobody has interfered. `change` may be called again; `undefined` from
   * it leaves the record as it is. Gives what is in storage afterwards.
   * With `seen` the first attempt does without reading: when somebody has interfered since, its write is refused. A
   * record that is left as it is was so then.
   */
  async update(
    key: string,
    change: (current: Value | undefined) => Value | undefined,
    seen?: Seen<Value>,
  ): Promise<Stored<Value> | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const current = attempt === 0 && seen !== undefined ? seen.stored : await this.#load(key);
      const next = change(current?.value);
      if (next === undefined) return current === undefined ? undefined : sound(current);
      const written = await this.#swap(key, next, current);
      if (written !== undefined) return written;
    }
    throw new Error(`gave up on ${key} after ${ATTEMPTS} lost races`);
  }

  /** Removes the record; with `current` only if it is still that version. Whether it is gone now by this version. */
  async delete(key: string, current?: Stored<Value>): Promise<boolean> {
    try {
      await this.#driver.delete(key, current === undefined ? undefined : { ifMatch: current.object.etag });
      this.#cache.delete(key);
      return true;
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return false;
      throw error;
    }
  }

  async #swap(
    key: string,
    value: Value,
    current: { readonly object: SmallObject } | undefined,
  ): Promise<Stored<Value> | undefined> {
    try {
      return await this.#write(
        key,
        value,
        current === undefined ? { ifAbsent: true } : { ifMatch: current.object.etag },
      );
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return undefined;
      throw error;
    }
  }

  async #write(
    key: string,
    value: Value,
    condition: { readonly ifAbsent: true } | { readonly ifMatch: string },
  ): Promise<Stored<Value>> {
    const stored = { value, object: await this.#put(key, value, condition) };
    this.#cache.set(key, stored);
    return stored;
  }

  #put(
    key: string,
    value: Value,
    condition: { readonly ifAbsent: true } | { readonly ifMatch: string },
  ): Promise<SmallObject> {
    const bytes = this.#format.encode(value);
    return this.#driver.write(key, bytes, this.#transient ? { ...condition, transient: true } : condition);
  }

  #load(key: string): Promise<Entry<Value> | undefined> {
    return this.#loads.get(key);
  }

  async #fetch(key: string): Promise<Entry<Value> | undefined> {
    const known = this.#cache.get(key);
    const object = await this.#read(key, known?.object);
    if (object === undefined) {
      if (known !== undefined) this.#cache.delete(key);
      return undefined;
    }
    if (object === known?.object) {
      this.#count?.hit();
      return known;
    }
    this.#count?.miss();
    const value = decodeRecord(this.#format, key, object.bytes);
    if (value === undefined)
      this.#log.error({ key, bytes: object.bytes.length }, 'a damaged record counts as absent');
    const entry = { object, value };
    this.#cache.set(key, entry);
    return entry;
  }

  /** What the storage cannot give is told by its key: an object of its own may be damaged beyond reading. */
  async #read(key: string, known: SmallObject | undefined): Promise<SmallObject | undefined> {
    try {
      return await this.#driver.read(key, known);
    } catch (error) {
      this.#log.warn({ key, reason: messageOf(error) }, 'a record could not be read');
      throw error;
    }
  }
}

function sound<Value>({ object, value }: Entry<Value>): Stored<Value> | undefined {
  return value === undefined ? undefined : { value, object };
}

/** Makes two records of equal content differ in bytes, as the storage contract asks of core. */
export function nonce(): string {
  return randomBytes(9).toString('base64url');
}

/** Records that are one JSON object each. `check` says whether parsed JSON is such a value. */
export function jsonFormat<Value extends object>(
  check: (json: Readonly<Record<string, unknown>>) => Value | undefined,
): RecordFormat<Value> {
  return {
    encode: (value) => Buffer.from(JSON.stringify({ ...value, nonce: nonce() })),
    decode: (bytes) => {
      const json = parseObject(bytes);
      return json === undefined ? undefined : check(json);
    },
  };
}

/** The JSON object `bytes` spell, or `undefined` when they spell something else. */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
    );
    return isObject(json) ? json : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
