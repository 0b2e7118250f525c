import { isStorageError, StorageError, type SmallObject, type StorageDriver } from '@entrepot/plugin-sdk';
import { decodeRecord, encodeRecord, type KeyRecord } from './key-record.ts';
import { KEY_ID } from './key-text.ts';

/** `access-keys/<owner in hex>/<id>`: each key is an object of its own. */
const PREFIX = 'access-keys/';
/** Bytes of a name that fit a segment of a storage key. */
const MAX_OWNER = 120;
const MAX_REMEMBERED = 10_000;
const PAGE = 1000;

/** A key and where it is, as it was read. */
export interface StoredKey {
  readonly record: KeyRecord;
  readonly object: SmallObject;
}

/**
 * The keys in storage, where all replicas see them. What was read is remembered to spare its way over the network, and
 * never believed: each look asks the storage whether it still stands, so a key that is revoked is gone everywhere.
 */
export class KeyStore {
  readonly #driver: StorageDriver;
  /** In the order of their last use. */
  readonly #remembered = new Map<string, StoredKey>();

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  /** @throws StorageError when it cannot be found out; also for a record that is damaged, as that is no absence. */
  async find(owner: string, id: string): Promise<StoredKey | undefined> {
    if (owner === '' || Buffer.byteLength(owner) > MAX_OWNER || !KEY_ID.test(id)) return undefined;
    return this.#read(keyOf(owner, id));
  }

  /** @throws StorageError `PRECONDITION_FAILED` when there is one with that id already. */
  async create(record: KeyRecord): Promise<void> {
    const key = keyOf(record.owner, record.id);
    await this.#driver.write(key, encodeRecord(record), { ifAbsent: true });
  }

  /** From when this has returned no replica takes the key. Whether there was one. */
  async revoke(owner: string, id: string): Promise<boolean> {
    if ((await this.find(owner, id)) === undefined) return false;
    const key = keyOf(owner, id);
    await this.#driver.delete(key);
    this.#remembered.delete(key);
    return true;
  }

  /**
   * Notes when a key was used. The write is on condition that nobody has touched the record: one that is revoked
   * meanwhile stays so, and of two replicas one notes it.
   */
  async touch(owner: string, id: string, used: number): Promise<void> {
    const found = await this.find(owner, id);
    if (found === undefined) return;
    const { record, object } = found;
    try {
      const bytes = encodeRecord({ ...record, used });
      await this.#driver.write(keyOf(owner, id), bytes, { ifMatch: object.etag });
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }

  /** The keys of an owner, or all, in no order that means something. */
  async *list(owner?: string): AsyncGenerator<KeyRecord> {
    for await (const key of this.#keys(owner)) {
      const found = await this.#read(key);
      if (found !== undefined) yield found.record;
    }
  }

  /** How many keys the owner has; counting stops at `limit`. */
  async count(owner: string, limit: number): Promise<number> {
    const { keys } = await this.#driver.list(folderOf(owner), { limit });
    return keys.length;
  }

  /** Whose key that is; undefined when there is none. It costs a look at the names of all keys. */
  async ownerOf(id: string): Promise<string | undefined> {
    for await (const key of this.#keys()) if (key.endsWith(`/${id}`)) return ownerIn(key);
    return undefined;
  }

  async *#keys(owner?: string): AsyncGenerator<string> {
    const prefix = owner === undefined ? PREFIX : folderOf(owner);
    let startAfter: string | undefined;
    for (;;) {
      const after = startAfter === undefined ? {} : { startAfter };
      const { keys, more } = await this.#driver.list(prefix, { limit: PAGE, ...after });
      yield* keys;
      startAfter = keys.at(-1);
      if (!more) return;
    }
  }

  async #read(key: string): Promise<StoredKey | undefined> {
    const known = this.#remembered.get(key);
    const object = await this.#driver.read(key, known?.object);
    this.#remembered.delete(key);
    if (object === undefined) return undefined;
    const record = object === known?.object ? known.record : decodeRecord(object.bytes);
    if (record === undefined) throw new StorageError('UNAVAILABLE', `the object ${key} is damaged`);
    const found = { record, object };
    this.#remembered.set(key, found);
    if (this.#remembered.size > MAX_REMEMBERED) this.#forgetOldest();
    return found;
  }

  #forgetOldest(): void {
    for (const key of this.#remembered.keys()) {
      this.#remembered.delete(key);
      return;
    }
  }
}

function folderOf(owner: string): string {
  return `${PREFIX}${Buffer.from(owner).toString('hex')}/`;
}

function keyOf(owner: string, id: string): string {
  return `${folderOf(owner)}${id}`;
}

function ownerIn(key: string): string {
  return Buffer.from(key.split('/')[1] ?? '', 'hex').toString();
}
