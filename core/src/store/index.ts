import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { BlobUrls } from './blob-urls.ts';
import { BlobStore } from './blob-store.ts';
import { CacheCount } from './cache-count.ts';
import { CatalogStore } from './catalog-store.ts';
import { DeletedTags } from './deleted-tags.ts';
import { ManifestStore } from './manifest-store.ts';
import { ReferrerStore } from './referrer-store.ts';
import { TagStore } from './tag-store.ts';
import { TimeLimitedDriver } from './time-limited-driver.ts';
import type { UploadLimits } from './sessions.ts';
import { UploadStore } from './upload-store.ts';

/** Digests, repositories, tags and uploads on top of a storage driver. Knows neither HTTP nor hooks. */
export interface Store {
  readonly blobs: BlobStore;
  readonly blobUrls: BlobUrls;
  readonly uploads: UploadStore;
  readonly manifests: ManifestStore;
  readonly tags: TagStore;
  readonly deletedTags: DeletedTags;
  readonly referrers: ReferrerStore;
  readonly catalog: CatalogStore;
  /** How often what was asked for was in memory already. */
  readonly caches: Readonly<Record<'records' | 'manifests' | 'blobs', CacheCount>>;
}

export interface StoreOptions {
  readonly log: Logger;
  readonly uploads: UploadLimits;
  /** Bytes of manifests kept in memory. */
  readonly manifestCacheBytes: number;
  /** Bytes of small blobs kept in memory. */
  readonly blobCacheBytes: number;
  /** Whether tags and manifests that are deleted are kept so that they can be restored. Default: they are not. */
  readonly keepsDeleted?: boolean;
}

/** Bytes of parsed records kept in memory, for each kind. */
const RECORD_CACHE_BYTES = 8 * 1024 * 1024;

export function createStore(storage: StorageDriver, options: StoreOptions): Store {
  const driver = new TimeLimitedDriver(storage);
  const { log, manifestCacheBytes, blobCacheBytes, keepsDeleted = false } = options;
  const caches = { records: new CacheCount(), manifests: new CacheCount(), blobs: new CacheCount() };
  const records = { log, cacheBytes: RECORD_CACHE_BYTES, count: caches.records };
  const blobs = new BlobStore(driver, {
    log,
    recordCacheBytes: RECORD_CACHE_BYTES,
    blobCacheBytes,
    recordCount: caches.records,
    count: caches.blobs,
  });
  const deletedTags = new DeletedTags(driver, records);
  const tags = new TagStore(driver, { ...records, deleted: keepsDeleted ? deletedTags : undefined });
  const referrers = new ReferrerStore(driver, records);
  const catalog = new CatalogStore(driver, records);
  const manifests = new ManifestStore(
    driver,
    { blobs, tags, referrers, catalog },
    { log, cacheBytes: manifestCacheBytes, count: caches.manifests, keepsDeleted },
  );
  const uploads = new UploadStore(driver, blobs, { log, ...options.uploads });
  const blobUrls = new BlobUrls(storage);
  return { blobs, blobUrls, uploads, manifests, tags, deletedTags, referrers, catalog, caches };
}
