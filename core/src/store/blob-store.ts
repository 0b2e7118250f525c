import { createHash } from 'node:crypto';
import type { ByteRange, LargeObject, Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { LRUCache } from 'lru-cache';
import { digestOf, finishDigest, isDigest, splitDigest } from '../digest.ts';
import {
  blobLinkFormat,
  blobRecordFormat,
  type BlobData,
  type BlobLink,
  type BlobRecord,
} from './blob-records.ts';
import type { CacheCount } from './cache-count.ts';
import { filterLimited } from './concurrency.ts';
import { layout } from './distribution/layout.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';
import { Records, type Stored } from './records.ts';

/** A blob that a repository may read. */
export interface Blob {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes, or their storage key; what that holds never changes. */
  readonly data: BlobData;
}

/** Blobs up to this size are read whole, checked against their digest, and kept in memory. */
const SMALL = 64 * 1024;
/** Records asked for at once when a manifest names many. */
const LOOKUPS_AT_ONCE = 128;

/**
 * Blobs are stored once for the whole registry and linked by the repositories that may read them.
 *
 * A commit happens in this order: the bytes, then the record, then the link. A crash in between leaves bytes or a
 * record nobody refers to, which collection removes; a link is only answered for when its record stands. Few bytes are
 * in the record itself. Link and record of a digest new to both may be written at once, because a link without its
 * record counts for nothing, and a link is only ever replaced by one that fits the record.
 */
export class BlobStore {
  readonly #driver: StorageDriver;
  readonly #log: Logger;
  readonly #records: Records<BlobRecord>;
  readonly #links: Records<BlobLink>;
  readonly #small: LRUCache<string, Buffer>;
  readonly #count: CacheCount;

  constructor(
    driver: StorageDriver,
    options: {
      log: Logger;
      recordCacheBytes: number;
      blobCacheBytes: number;
      recordCount: CacheCount;
      count: CacheCount;
    },
  ) {
    this.#driver = driver;
    this.#log = options.log;
    this.#count = options.count;
    const cache = {
      log: options.log,
      cacheBytes: Math.ceil(options.recordCacheBytes / 2),
      count: options.recordCount,
    };
    this.#records = new Records(driver, blobRecordFormat, cache);
    this.#links = new Records(driver, blobLinkFormat, cache);
    this.#small = new LRUCache({
      maxSize: options.blobCacheBytes,
      sizeCalculation: (bytes) => bytes.length + 100,
    });
  }

  /**
   * The blob, if `repository` may read it. Being found is a promise that lasts longer than a push: a blob that
   * collection had condemned is rescued first.
   */
  async find(repository: string, digest: string): Promise<Blob | undefined> {
    const [link, record] = await Promise.all([
      this.#links.read(keys.link(repository, digest)),
      this.#records.read(keys.record(digest)),
    ]);
    if (link === undefined || record === undefined) return undefined;
    if (link.value.incarnation !== record.value.incarnation) return undefined;
    return this.#keep(digest, record);
  }

  /**
   * Like {@link find}, and the bytes are known to be there: those of a small blob as they should be, those of others in
   * full length. What HEAD, a mount and a manifest rely on.
   */
  async check(
    repository: string,
    digest: string,
    { smallToo = true }: { readonly smallToo?: boolean } = {},
  ): Promise<Blob | undefined> {
    // Where the bytes are is remembered or not; if so they are measured while storage is asked whether that still holds.
    const remembered = this.#records.remembered(keys.record(digest));
    const [blob, early] = await Promise.all([
      this.find(repository, digest),
      typeof remembered?.data === 'string' && !this.isSmall(remembered)
        ? this.#driver.size(remembered.data)
        : undefined,
    ]);
    if (blob === undefined || typeof blob.data !== 'string') return blob;
    if (this.isSmall(blob) && !smallToo) return blob;
    if (this.isSmall(blob) && !this.#small.has(blob.data)) return (await this.bytes(blob)) && blob;
    const isMeasured = early !== undefined && remembered?.data === blob.data;
    const size = isMeasured ? early : await this.#driver.size(blob.data);
    if (size === blob.size) return blob;
    this.#damaged(blob, size === undefined ? 'its bytes are gone' : `it has ${size} bytes, not ${blob.size}`);
    return undefined;
  }

  /**
   * Which of `digests` the repository may not read, those of unknown algorithms among them; of many, about `most`. Each
   * that was found is kept from collection.
   */
  missing(repository: string, digests: Iterable<string>, most: number): Promise<string[]> {
    return filterLimited(digests, { limit: LOOKUPS_AT_ONCE, most }, async (digest) => {
      const blob = isDigest(digest) ? await this.check(repository, digest) : undefined;
      return blob === undefined;
    });
  }

  /**
   * Opens the bytes, or one range of them. `undefined` when they are gone or have the wrong length: damage is logged
   * and counts as absence, so that no answer begins that cannot be finished.
   */
  async open(blob: Blob, range?: ByteRange): Promise<LargeObject | undefined> {
    if (typeof blob.data !== 'string') throw new TypeError('an inline blob is read whole');
    const object = await this.#driver.open(blob.data, range);
    if (object?.size === blob.size) return object;
    await object?.close();
    this.#damaged(
      blob,
      object === undefined ? 'its bytes are gone' : `it has ${object.size} bytes, not ${blob.size}`,
    );
    return undefined;
  }

  /** Whether {@link bytes} serves this blob. */
  isSmall(blob: Pick<Blob, 'size'>): boolean {
    return blob.size <= SMALL;
  }

  /** The whole of a small blob, checked against its digest. `undefined` when it is gone or damaged. */
  async bytes(blob: Blob): Promise<Buffer | undefined> {
    if (typeof blob.data !== 'string') return blob.data;
    const cached = this.#small.get(blob.data);
    if (cached?.length === blob.size) {
      this.#count.hit();
      return cached;
    }
    this.#count.miss();
    const object = await this.#driver.read(blob.data);
    if (object?.bytes.length !== blob.size || !fits(object.bytes, blob.digest)) {
      this.#damaged(
        blob,
        object === undefined ? 'its bytes are gone' : 'its bytes do not fit size and digest',
      );
      return undefined;
    }
    const bytes = Buffer.from(object.bytes.buffer, object.bytes.byteOffset, object.bytes.length);
    this.#small.set(blob.data, bytes);
    return bytes;
  }

  /**
   * Makes bytes that are known to have this digest the blob of that digest, and links it into `repository`. Bytes
   * under a key are complete and durable already. What is stored of the digest stays, if it is sound; else it is healed.
   */
  async commit(repository: string, digest: string, size: number, data: BlobData): Promise<Blob> {
    const linkKey = keys.link(repository, digest);
    const recordKey = keys.record(digest);
    const incarnation = isOwn(data) ? data : newId();
    const fresh: BlobRecord = { digest, state: 'live', incarnation, data, size, since: Date.now() };

    const [created, linked] = await Promise.all([
      this.#records.create(recordKey, fresh),
      this.#links.create(linkKey, { incarnation, size }),
    ]);
    if (created !== undefined && linked !== undefined) return blobOf(fresh);
    const record = created ?? (await this.#records.read(recordKey));
    const isSound = record === undefined || record.value === fresh || (await this.#isSound(record.value));
    const settled = await this.#records.update(recordKey, (current) => {
      if (current === undefined || current.state === 'deleting') return fresh;
      if (current.incarnation === incarnation) return undefined;
      const isHealed = !isSound && current.data === record.value.data;
      return { ...current, state: 'live', since: fresh.since, ...(isHealed ? { data, size } : {}) };
    });
    const { value } = settled ?? { value: fresh };
    await this.#link(linkKey, value);
    if (isOwn(data) && value.data !== data) await this.#driver.delete(data);
    return blobOf(value);
  }

  /**
   * Removes bytes under a key that were to be a blob and are not. If they are the blob of the digest they have, they
   * stay: a session whose end was lost to a crash may be finished again, with another digest.
   */
  async discard(digest: string, data: string): Promise<void> {
    const record = await this.#records.read(keys.record(digest));
    if (record?.value.data !== data) await this.#driver.delete(data);
  }

  /** Lets `to` read a blob that `from` may read. `undefined` when `from` may not. */
  async mount(from: string, to: string, digest: string): Promise<Blob | undefined> {
    const source = await this.#links.read(keys.link(from, digest));
    return source === undefined ? undefined : this.#mount(to, digest, source.value.incarnation);
  }

  /** Lets `to` read a blob that is anywhere in the registry. For registries in which everybody may read everything. */
  mountFromAnywhere(to: string, digest: string): Promise<Blob | undefined> {
    return this.#mount(to, digest, undefined);
  }

  /** Takes the blob from the repository; others keep it. Whether it was there. */
  async unlink(repository: string, digest: string): Promise<boolean> {
    const link = await this.#links.read(keys.link(repository, digest));
    return link !== undefined && (await this.#links.delete(keys.link(repository, digest)));
  }

  async #mount(to: string, digest: string, incarnation: string | undefined): Promise<Blob | undefined> {
    const record = await this.#records.read(keys.record(digest));
    if (record === undefined || (incarnation ?? record.value.incarnation) !== record.value.incarnation)
      return undefined;
    const kept = await this.#keep(digest, record);
    if (kept === undefined) return undefined;
    await this.#link(keys.link(to, digest), record.value);
    // Collection may have begun to delete the blob before it could see the new link: only what stands now is promised.
    // And a client that is told of damage here brings the bytes again.
    return this.check(to, digest);
  }

  /** Confirms a record that is about to be promised. `undefined` when it can no longer be. */
  async #keep(digest: string, record: Stored<BlobRecord>): Promise<Blob | undefined> {
    let { value } = record;
    if (value.state === 'condemned') {
      const { incarnation } = value;
      const rescued = await this.#records.update(keys.record(digest), (current) =>
        current?.state === 'condemned' && current.incarnation === incarnation
          ? { ...current, state: 'live', since: Date.now() }
          : undefined,
      );
      if (rescued?.value.incarnation !== incarnation) return undefined;
      value = rescued.value;
    }
    return value.state === 'deleting' ? undefined : blobOf(value);
  }

  async #link(key: string, record: BlobRecord): Promise<void> {
    const { incarnation, size } = record;
    await this.#links.update(key, (current) =>
      current?.incarnation === incarnation ? undefined : { incarnation, size },
    );
  }

  /** Whether the stored bytes really have their digest. Read in full: only a repeated upload asks. */
  async #isSound(record: BlobRecord): Promise<boolean> {
    // Inline bytes were checked when the record was read.
    if (typeof record.data !== 'string') return true;
    const { algorithm } = splitDigest(record.digest);
    const object = await this.open(blobOf(record));
    if (object === undefined) return false;
    try {
      const hash = createHash(algorithm);
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
        hash.update(chunk);
      }
      if (finishDigest(hash, algorithm) === record.digest) return true;
    } finally {
      await object.close();
    }
    this.#damaged(blobOf(record), 'its bytes do not fit its digest');
    return false;
  }

  #damaged(blob: Blob, what: string): void {
    this.#log.error(
      { digest: blob.digest, key: keys.record(blob.digest), data: blob.data },
      `a damaged blob counts as absent: ${what}`,
    );
  }
}

/** Whether the bytes are under a key that was made for them. Those of another registry may come back in a later life. */
function isOwn(data: BlobData): data is string {
  return typeof data === 'string' && !layout.isForeign(data);
}

function fits(bytes: Uint8Array, digest: string): boolean {
  return digestOf(bytes, splitDigest(digest).algorithm) === digest;
}

function blobOf({ digest, size, data }: BlobRecord): Blob {
  return { digest, size, data };
}
