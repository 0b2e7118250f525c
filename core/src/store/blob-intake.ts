import { createHash } from 'node:crypto';
import { RegistryError, type StorageDriver } from '@entrepot/plugin-sdk';
import { digestOf, finishDigest, splitDigest, type Algorithm } from '../digest.ts';
import { MAX_INLINE } from './blob-records.ts';
import type { Blob, BlobStore } from './blob-store.ts';
import { BlobWriter } from './blob-writer.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';

/** Bytes that a client sends, and what it has said of them. */
export interface IncomingBytes {
  readonly body: AsyncIterable<Uint8Array>;
  /** Offset of the first byte. */
  readonly at?: number;
  /** How many there are. */
  readonly length?: number;
}

/**
 * The one way bytes become a blob: only under a digest that is certain. Either somebody has hashed every byte on its
 * way in, or the finished bytes are read back; a digest is never assumed.
 */
export class BlobIntake {
  readonly #driver: StorageDriver;
  readonly #blobs: BlobStore;

  constructor(driver: StorageDriver, blobs: BlobStore) {
    this.#driver = driver;
    this.#blobs = blobs;
  }

  /**
   * A whole blob in one go, with no session to come back to. Its bytes have a key of their own, so that nobody needs
   * to be kept from them.
   * @throws RegistryError `DIGEST_INVALID`, `SIZE_INVALID`
   */
  async put(repository: string, digest: string, bytes: IncomingBytes): Promise<Blob> {
    const writer = BlobWriter.begin(this.#driver, splitDigest(digest).algorithm, keys.data(newId()));
    try {
      for await (const chunk of bytes.body) await writer.write(chunk);
      expectLength(bytes, writer.offset);
      return await this.complete(repository, writer, digest, writer.digest(), () => Promise.resolve(true));
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /**
   * Makes a blob of what a writer has taken. `vouched` is the digest of all of it, when somebody has hashed every byte.
   * @throws RegistryError `DIGEST_INVALID`, and the space is given back, once `isOurs` has said that nobody else may
   *   have made a blob of the same bytes meanwhile.
   */
  async complete(
    repository: string,
    writer: BlobWriter,
    digest: string,
    vouched: string | undefined,
    isOurs: () => Promise<boolean>,
  ): Promise<Blob> {
    const size = writer.offset;
    const { algorithm } = splitDigest(digest);
    const whole = size <= MAX_INLINE ? writer.whole : undefined;
    if (whole !== undefined) {
      const actual = vouched?.startsWith(algorithm) === true ? vouched : digestOf(whole, algorithm);
      if (actual !== digest) throw wrongDigest(actual);
      return this.#blobs.commit(repository, digest, size, whole);
    }
    const isVouched = vouched !== undefined && splitDigest(vouched).algorithm === algorithm;
    if (isVouched && vouched !== digest) {
      await writer.abort();
      throw wrongDigest(vouched);
    }
    const data = await writer.complete();
    const actual = isVouched ? vouched : await this.#readBack(data, algorithm);
    if (actual !== digest) {
      if (await isOurs()) await this.#blobs.discard(actual, data);
      throw wrongDigest(actual);
    }
    return this.#blobs.commit(repository, digest, size, data);
  }

  async #readBack(data: string, algorithm: Algorithm): Promise<string> {
    const object = await this.#driver.open(data);
    if (object === undefined) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    try {
      const hash = createHash(algorithm);
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read())
        hash.update(chunk);
      return finishDigest(hash, algorithm);
    } finally {
      await object.close();
    }
  }
}

/** @throws RegistryError `SIZE_INVALID` when not as many bytes came as were announced. */
export function expectLength(bytes: IncomingBytes, received: number): void {
  if (bytes.length === undefined || bytes.length === received) return;
  throw new RegistryError('SIZE_INVALID', `the chunk was to have ${bytes.length} bytes and had ${received}`);
}

function wrongDigest(actual: string): RegistryError {
  return new RegistryError('DIGEST_INVALID', undefined, { details: [{ actual }] });
}
