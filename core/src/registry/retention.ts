import type { RetentionPolicy, StorageDriver } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import { CollectionLease, type HeldByAnother, type HeldLease } from '../store/collect/collection-lease.ts';
import type { Pace } from '../store/collect/paced-storage.ts';
import { createStore, type Store } from '../store/index.ts';
import { keys } from '../store/keys.ts';
import { RetentionSchedule } from '../store/retention-schedule.ts';
import { TagRetention } from '../store/tag-retention.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { openStorage } from './open-storage.ts';

export type { RetentionStep, RetentionSummary } from '../store/tag-retention.ts';

interface Retained {
  readonly driver: StorageDriver;
  readonly store: Pick<Store, 'tags'>;
  /** `undefined` when no plugin has rules. */
  readonly policy: RetentionPolicy | undefined;
  readonly settings: ResolvedConfig['gc'];
}

/** Retention while the registry runs; `undefined` when no plugin has rules. */
export function scheduleRetention(
  { driver, store, policy, settings }: Retained,
  log: Logger,
): RetentionSchedule | undefined {
  if (policy === undefined) return undefined;
  if (settings.keepUntagged === 'forever')
    log.warn({}, 'retention drops tags, and no space is given back: gc.keepUntagged is forever');
  const { callsPerSecond } = settings;
  const limited = new TimeLimitedDriver(driver);
  return new RetentionSchedule({
    interval: policy.interval,
    begin: (signal) =>
      new TagRetention(limited, { policy, tags: store.tags, dryRun: false, log, signal, callsPerSecond }),
    lease: new CollectionLease(limited, log, keys.retentionLease),
    log,
  });
}

/** Retention on the storage of a registry, which may be running elsewhere. */
export interface OpenRetention extends Pick<TagRetention, 'run'> {
  /** Takes the lease; a dry run needs none. Gives who has it instead when somebody does. */
  takeLease(): Promise<HeldLease | HeldByAnother>;
  close(): Promise<void>;
}

/** @throws Error when the storage cannot be opened, or no plugin has rules. */
export async function openRetention(
  config: ResolvedConfig,
  { log, ...how }: Pace & { readonly log: Logger; readonly dryRun: boolean },
): Promise<OpenRetention> {
  const storage = await openStorage(config, log);
  const policy = storage.hooks.retention.call();
  if (policy === undefined) {
    await storage.close();
    throw new Error('no plugin says which tags stay; add one to plugins, such as @entrepot/retention');
  }
  const store = createStore(storage.driver, {
    log,
    uploads: { maxAge: config.uploads.maxAge * 1000, maxConcurrent: config.uploads.maxConcurrent },
    manifestCacheBytes: config.cache.manifestBytes,
    blobCacheBytes: config.cache.blobBytes,
    keepsDeleted: config.gc.restoreWindow > 0,
  });
  const limited = new TimeLimitedDriver(storage.driver);
  const retention = new TagRetention(limited, { ...how, policy, tags: store.tags, log });
  const lease = new CollectionLease(limited, log, keys.retentionLease);
  return {
    run: () => retention.run(),
    takeLease: () => lease.take(),
    close: () => storage.close(),
  };
}
