import { isStorageError, type StorageDriver } from '@entrepot/plugin-sdk';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { blobLinkFormat, blobRecordFormat, type BlobRecord } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import { manifestFormat } from '../../core/src/store/stored-manifest.ts';

/** How long a blob has to have been condemned before a mark begins that may doom it; milliseconds. */
const SETTLE = 10 * 60_000;

/** A record, and the version it was read at. */
interface Found {
  readonly record: BlobRecord;
  readonly etag: string;
}

/**
 * The collection of a blob that nobody needs, as the store expects it to be done: a record is condemned, and later
 * doomed by a mark that began after that has settled and has found no manifest with the blob; then go its links, its
 * bytes and the record, each only by the version that was doomed. Any collector may go on where another has died.
 */
export class Collector {
  readonly #driver: StorageDriver;
  readonly #repositories: readonly string[];
  readonly #settle: number;

  constructor(driver: StorageDriver, repositories: readonly string[], settle = SETTLE) {
    this.#driver = driver;
    this.#repositories = repositories;
    this.#settle = settle;
  }

  /** The first step, for a blob that no manifest had when it was looked for, and that is old enough. */
  async condemn(digest: string): Promise<string> {
    const found = await this.#find(digest);
    if (found?.record.state !== 'live') return 'left';
    const condemned = await this.#become('condemned', found);
    return condemned === undefined ? 'left' : 'condemned';
  }

  /** All the other steps. */
  async collect(digest: string): Promise<string> {
    const began = Date.now();
    const isNeeded = await this.#isNeeded(digest);
    const found = await this.#find(digest);
    if (found === undefined) return 'gone';
    const { state, since } = found.record;
    const isRipe = state === 'condemned' && since + this.#settle <= began && !isNeeded;
    const doomed = state === 'deleting' ? found : isRipe ? await this.#become('deleting', found) : undefined;
    if (doomed === undefined) return 'left';
    for (const repository of this.#repositories) await this.#unlink(keys.link(repository, digest), doomed);
    if (typeof doomed.record.data === 'string') await this.#driver.delete(doomed.record.data);
    await this.#deleteVersion(keys.record(digest), doomed.etag);
    return 'collected';
  }

  async #isNeeded(digest: string): Promise<boolean> {
    for (const repository of this.#repositories) {
      for (const key of (await this.#driver.list(keys.manifests(repository), { limit: 100 })).keys) {
        const object = await this.#driver.read(key);
        const manifest = object === undefined ? undefined : manifestFormat.decode(object.bytes);
        if (manifest === undefined) continue;
        const { blobs } = parseManifest(manifest.bytes, manifest.mediaType, 'sha256');
        if (blobs.some((blob) => blob.digest === digest)) return true;
      }
    }
    return false;
  }

  async #find(digest: string): Promise<Found | undefined> {
    const object = await this.#driver.read(keys.record(digest));
    const record = object === undefined ? undefined : blobRecordFormat.decode(object.bytes);
    return object === undefined || record === undefined ? undefined : { record, etag: object.etag };
  }

  /** The record in its new state; `undefined` when it has changed meanwhile. */
  async #become(state: BlobRecord['state'], { record, etag }: Found): Promise<Found | undefined> {
    const changed = { ...record, state, since: Date.now() };
    try {
      const bytes = blobRecordFormat.encode(changed);
      const written = await this.#driver.write(keys.record(record.digest), bytes, { ifMatch: etag });
      return { record: changed, etag: written.etag };
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return undefined;
      throw error;
    }
  }

  async #unlink(key: string, { record }: Found): Promise<void> {
    const object = await this.#driver.read(key);
    const link = object === undefined ? undefined : blobLinkFormat.decode(object.bytes);
    if (object === undefined || link?.incarnation !== record.incarnation) return;
    await this.#deleteVersion(key, object.etag);
  }

  /** What has changed since it was read is no longer what was doomed, and stays. */
  async #deleteVersion(key: string, etag: string): Promise<void> {
    try {
      await this.#driver.delete(key, { ifMatch: etag });
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }
}
