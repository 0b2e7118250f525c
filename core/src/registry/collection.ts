import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { splitDigest } from '../digest.ts';
import type { Logger } from '../log.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import { CollectionLease, type HeldByAnother, type HeldLease } from '../store/collect/collection-lease.ts';
import { CollectionSchedule } from '../store/collect/collection-schedule.ts';
import { Collection } from '../store/collect/collection.ts';
import type { Pace } from '../store/collect/paced-storage.ts';
import { createStore, type Store } from '../store/index.ts';
import type { StoredManifest } from '../store/stored-manifest.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { openStorage } from './open-storage.ts';

export type { CollectSummary } from '../store/collect/collection.ts';
export type { CollectProgress } from '../store/collect/run.ts';
export type { Account, Step, Waiting } from '../store/collect/tally.ts';

interface Collected {
  readonly driver: StorageDriver;
  readonly store: Pick<Store, 'manifests'>;
  readonly settings: ResolvedConfig['gc'];
}

/** A run of collection, as the settings want it. */
function collectionOf(
  { driver, store, settings }: Collected,
  { dryRun, ...pace }: Pace & { readonly dryRun: boolean },
): Collection {
  return new Collection(new TimeLimitedDriver(driver), {
    ...pace,
    dryRun,
    grace: settings.grace * 1000,
    keepUntagged: settings.keepUntagged === 'forever' ? undefined : settings.keepUntagged * 1000,
    restoreWindow: settings.restoreWindow * 1000,
    parse: parseStored,
    removeManifest: (repository, digest, condemned) =>
      store.manifests.collect(
        repository,
        digest,
        condemned,
        (manifest) => parseStored(manifest).subject?.digest,
      ),
  });
}

/** Collection while the registry runs; `undefined` when it is switched off. */
export function scheduleCollection(collected: Collected, log: Logger): CollectionSchedule | undefined {
  const { settings, driver } = collected;
  if (!settings.enabled) return undefined;
  return new CollectionSchedule({
    interval: settings.interval * 1000,
    begin: (signal) =>
      collectionOf(collected, { dryRun: false, signal, callsPerSecond: settings.callsPerSecond }),
    lease: new CollectionLease(new TimeLimitedDriver(driver), log),
    log,
  });
}

/** Collection of the storage of a registry, which may be running elsewhere. */
export interface OpenCollection extends Pick<Collection, 'run' | 'progress'> {
  /** Takes the lease; a dry run needs none. Gives who has it instead when somebody does. */
  takeLease(): Promise<HeldLease | HeldByAnother>;
  close(): Promise<void>;
}

/** @throws Error when the storage cannot be opened. */
export async function openCollection(
  config: ResolvedConfig,
  { log, ...how }: Pace & { readonly log: Logger; readonly dryRun: boolean },
): Promise<OpenCollection> {
  const storage = await openStorage(config, log);
  const { driver } = storage;
  const store = createStore(driver, {
    log,
    uploads: { maxAge: config.uploads.maxAge * 1000, maxConcurrent: config.uploads.maxConcurrent },
    manifestCacheBytes: config.cache.manifestBytes,
    blobCacheBytes: config.cache.blobBytes,
  });
  const collection = collectionOf({ driver, store, settings: config.gc }, how);
  const lease = new CollectionLease(new TimeLimitedDriver(driver), log);
  return {
    run: () => collection.run(),
    get progress() {
      return collection.progress;
    },
    takeLease: () => lease.take(),
    close: () => storage.close(),
  };
}

function parseStored({ bytes, mediaType, digest }: StoredManifest): ParsedManifest {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
}
