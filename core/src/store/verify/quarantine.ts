import { largestSmallObject, type SmallObject, type StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '../keys.ts';
import { nonce } from '../records.ts';

/** What is set aside gets a line in front. */
const MAX_BYTES = largestSmallObject - 64 * 1024;

/**
 * What repairing takes away goes under `quarantine/<its key>`: one line of JSON that says when and why, then the bytes
 * as they were. Large objects cannot be moved: their bytes stay where they are, and a note here says so.
 *
 * A copy comes before what it is a copy of goes. A crash between the two leaves both, and the next repair begins again.
 */
export class Quarantine {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  /**
   * Takes this very version of an object out of the way. Whether it could: not what is too large to be copied.
   * @throws StorageError `PRECONDITION_FAILED` when it has changed meanwhile; it is left alone then.
   */
  async move(key: string, object: SmallObject, why: string): Promise<boolean> {
    if (!(await this.copy(key, object, why))) return false;
    await this.#driver.delete(key, { ifMatch: object.etag });
    return true;
  }

  /** Keeps a copy of an object that is about to be replaced. Whether it could: not what is too large. */
  async copy(key: string, { bytes }: SmallObject, why: string): Promise<boolean> {
    if (bytes.length > MAX_BYTES) return false;
    await this.#write(key, why, bytes);
    return true;
  }

  /** Notes that the bytes under `key` are bad and that nothing refers to them any more. */
  note(key: string, why: string): Promise<void> {
    return this.#write(key, why, new Uint8Array());
  }

  /** Whether the bytes under `key` have been noted. */
  async hasNoted(key: string): Promise<boolean> {
    return (await this.#driver.size(keys.quarantined(key))) !== undefined;
  }

  /** The bytes that were last taken from under `key`. */
  async taken(key: string): Promise<Uint8Array | undefined> {
    const copy = await this.#driver.read(keys.quarantined(key));
    return copy?.bytes.subarray(copy.bytes.indexOf(0x0a) + 1);
  }

  async #write(key: string, why: string, bytes: Uint8Array): Promise<void> {
    const target = keys.quarantined(key);
    const line = JSON.stringify({ key, why, at: new Date().toISOString(), nonce: nonce() });
    const earlier = await this.#driver.read(target);
    await this.#driver.write(
      target,
      Buffer.concat([Buffer.from(`${line}\n`), bytes]),
      earlier === undefined ? { ifAbsent: true } : { ifMatch: earlier.etag },
    );
  }
}
