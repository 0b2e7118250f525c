import { createPublicKey, generateKeyPair, randomUUID, createPrivateKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { isStorageError, type Logger, type SmallObject, type StorageDriver } from '@entrepot/plugin-sdk';

const KEY = 'secrets/token-keys';
/** Milliseconds after which the record is read again. */
const LOOK_EVERY = 60_000;
/** Milliseconds a new key is known before it signs, so that every replica has read of it. */
const NOTICE = 5 * LOOK_EVERY;
/** Milliseconds between two looks for a key that is not known. */
const REST = 1000;

export interface SigningKey {
  readonly kid: string;
  /** When it was made, in milliseconds since 1970. */
  readonly since: number;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface SigningKeysOptions {
  readonly log: Logger;
  /** Milliseconds after which another key is made. */
  readonly rotateAfter: number;
  /** Milliseconds for which a token is good at most: a key is published that much longer than it signs. */
  readonly lifetime: number;
  /** Milliseconds, at least `lifetime`, for which a key is kept after it has signed: refresh tokens need it so long. */
  readonly keptFor: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The ES256 keys that all replicas sign with. They are one record in storage, which whoever comes first makes; another
 * key is added to it by a conditional write, so that replicas that rotate at once agree on one.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #driver: StorageDriver | undefined;
  #keys: readonly SigningKey[] = [];
  #record: SmallObject | undefined;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** @throws StorageError when the keys can be neither read nor made; Error when the record is damaged. */
  async open(driver: StorageDriver): Promise<void> {
    this.#driver = driver;
    await this.refresh();
    this.#timer = setInterval(() => {
      this.refresh().catch((error: unknown) => {
        this.#options.log.error(
          { err: error },
          'the keys of tokens could not be read; the known ones serve on',
        );
      });
    }, LOOK_EVERY).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  get all(): readonly SigningKey[] {
    return this.#keys;
  }

  /** Those that tokens which are still good may be signed with. */
  get published(): readonly SigningKey[] {
    return this.#usedWithin(this.#keys, this.#options.lifetime);
  }

  /** The newest key that every replica knows of. @throws Error before the keys have been read. */
  get current(): SigningKey {
    const known = this.#keys.filter(({ since }) => since <= this.#options.now() - NOTICE);
    const key = known.at(-1) ?? this.#keys[0];
    if (key === undefined) throw new Error('the keys of tokens have not been read');
    return key;
  }

  /** The key of that name, which another replica may have made a moment ago. @throws whatever the storage throws. */
  async find(kid: string): Promise<SigningKey | undefined> {
    const named = (): SigningKey | undefined => this.#keys.find((key) => key.kid === kid);
    const found = named();
    if (found !== undefined || this.#options.now() - this.#lookedAt < REST) return found;
    await this.refresh();
    return named();
  }

  /** Reads the record, and makes it or adds a key to it when it is time. Three replicas may come before this one. */
  async refresh(): Promise<void> {
    if (this.#driver === undefined) throw new Error('the storage has not been opened');
    this.#lookedAt = this.#options.now();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const record = await this.#driver.read(KEY, this.#record);
      const keys = record === undefined ? [] : decode(record.bytes);
      const next = await this.#due(keys);
      if (next === undefined) {
        this.#record = record;
        this.#keys = keys;
        return;
      }
      const bytes = encode(next);
      const condition = record === undefined ? { ifAbsent: true } : { ifMatch: record.etag };
      try {
        await this.#driver.write(KEY, bytes, condition);
      } catch (error) {
        if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
      }
    }
    throw new Error('the keys of tokens are changed all the time');
  }

  /** What the keys are to be from now on, when that is something else. */
  async #due(keys: readonly SigningKey[]): Promise<readonly SigningKey[] | undefined> {
    const { rotateAfter, keptFor, now } = this.#options;
    const newest = keys.at(-1);
    if (newest !== undefined && newest.since > now() - rotateAfter) return undefined;
    const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
    return [...this.#usedWithin(keys, keptFor), keyOf(randomUUID(), now(), privateKey)];
  }

  /** A key signs until its successor has been known for `NOTICE`; an hour is for clocks that differ. */
  #usedWithin(keys: readonly SigningKey[], milliseconds: number): readonly SigningKey[] {
    const since = this.#options.now() - NOTICE - milliseconds - 3_600_000;
    return keys.filter((_key, place) => (keys[place + 1]?.since ?? Infinity) > since);
  }
}

function keyOf(kid: string, since: number, privateKey: KeyObject): SigningKey {
  return { kid, since, privateKey, publicKey: createPublicKey(privateKey) };
}

/** The names of keys are random, so that no two records are alike. */
function encode(keys: readonly SigningKey[]): Uint8Array {
  const entries = keys.map(({ kid, since, privateKey }) => {
    return { kid, since, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  });
  return Buffer.from(JSON.stringify({ keys: entries }));
}

/** @throws Error when the record is damaged: keys are not made anew over it, as tokens out there are signed with them. */
function decode(bytes: Uint8Array): readonly SigningKey[] {
  const parsed = parse(Buffer.from(bytes).toString('utf8'));
  const list: unknown =
    typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
  const entries: readonly unknown[] = Array.isArray(list) ? list : [];
  const keys = entries.map((entry) => {
    if (
      typeof entry !== 'object' ||
      entry === null ||
      !('kid' in entry && 'since' in entry && 'key' in entry)
    )
      throw new Error(DAMAGED);
    const { kid, since, key } = entry;
    if (typeof kid !== 'string' || typeof since !== 'number' || typeof key !== 'string')
      throw new Error(DAMAGED);
    return keyOf(kid, since, privateKeyOf(key));
  });
  if (keys.length === 0) throw new Error(DAMAGED);
  return keys;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(DAMAGED, { cause: error });
  }
}

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(DAMAGED, { cause: error });
  }
}

const DAMAGED = `the object ${KEY} in storage is damaged; remove it to have new keys made: clients log in again then`;
