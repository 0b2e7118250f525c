import type { StorageDriver } from '@entrepot/plugin-sdk';
import { splitDigest } from '../../core/src/digest.ts';
import { parseManifest, type ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import {
  Collection,
  type CollectOptions,
  type CollectSummary,
} from '../../core/src/store/collect/collection.ts';
import type { Step } from '../../core/src/store/collect/tally.ts';
import type { Store } from '../../core/src/store/index.ts';
import type { StoredManifest } from '../../core/src/store/stored-manifest.ts';
import { TimeLimitedDriver } from '../../core/src/store/time-limited-driver.ts';

export const HOUR = 3_600_000;

export type Rules = Partial<Omit<CollectOptions, 'parse' | 'removeManifest'>>;

/** A run of collection on this storage, as `registry gc` makes one. The grace is an hour unless the rules say otherwise. */
export function collectionOn(
  driver: StorageDriver,
  store: Pick<Store, 'manifests'>,
  rules: Rules = {},
): Collection {
  return new Collection(new TimeLimitedDriver(driver), {
    grace: HOUR,
    keepUntagged: undefined,
    restoreWindow: 0,
    dryRun: false,
    ...rules,
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

export interface Collected {
  readonly steps: readonly Step[];
  readonly summary: CollectSummary;
}

/** Runs it to its end. */
export async function finish(collection: Pick<Collection, 'run'>): Promise<Collected> {
  const run = collection.run();
  const steps: Step[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done === true) return { steps, summary: next.value };
    steps.push(next.value);
  }
}

export function parseStored({ bytes, mediaType, digest }: StoredManifest): ParsedManifest {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
}
