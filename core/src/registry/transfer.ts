import { withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { splitDigest } from '../digest.ts';
import { isRepositoryName, isTag } from '../http/match-route.ts';
import type { Logger } from '../log.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import { Adoption } from '../store/distribution/adoption.ts';
import { Handover } from '../store/distribution/handover.ts';
import type { Skip, TransferProgress } from '../store/distribution/transfer.ts';
import { createStore } from '../store/index.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { openStorage } from './open-storage.ts';

export type { Skip, SkipReason, TransferProgress } from '../store/distribution/transfer.ts';

/** Content on its way between our registry and a CNCF distribution in the same storage; both may be running elsewhere. */
export interface OpenTransfer {
  readonly progress: Readonly<TransferProgress>;
  /** Runs once. Gives what does not go over. @throws StorageError when storage cannot be read or written. */
  skips(): AsyncGenerator<Skip>;
  /** After an import: declares the other registry gone for good. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** From the other registry to ours, or from ours to the other. */
export type Direction = 'import' | 'export';

export interface TransferChoice {
  readonly log: Logger;
  readonly dryRun: boolean;
  /** Whether the bytes of blobs that are imported are hashed. */
  readonly deep: boolean;
}

/** @throws Error when the storage cannot be opened. */
export async function openTransfer(
  config: ResolvedConfig,
  direction: Direction,
  { log, dryRun, deep }: TransferChoice,
): Promise<OpenTransfer> {
  const storage = await openStorage(config, log);
  const store = createStore(storage.driver, {
    log,
    uploads: { maxAge: config.uploads.maxAge * 1000, maxConcurrent: config.uploads.maxConcurrent },
    manifestCacheBytes: config.cache.manifestBytes,
    blobCacheBytes: config.cache.blobBytes,
  });
  const driver = withLinks(new TimeLimitedDriver(storage.driver), storage.driver);
  const parse = (bytes: Uint8Array, mediaType: string | undefined, digest: string): ParsedManifest =>
    parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
  const transfer =
    direction === 'import'
      ? new Adoption(driver, store, {
          dryRun,
          deep,
          mayLack: config.manifests.mayLack,
          isRepositoryName,
          isTag,
          parse,
        })
      : new Handover(driver, store, {
          dryRun,
          parse: ({ bytes, mediaType, digest }) => parse(bytes, mediaType, digest),
        });
  return {
    skips: () => transfer.skips(),
    get progress() {
      return transfer.progress;
    },
    finish: async () => {
      if (transfer instanceof Adoption) await transfer.finish();
    },
    close: () => storage.close(),
  };
}

/** `driver`, with the second keys that `linking` can give. */
function withLinks(driver: StorageDriver, linking: StorageDriver): StorageDriver {
  if (linking.link === undefined) return driver;
  return withMethods(driver, { link: async (from, to) => (await linking.link?.(from, to)) ?? false });
}
