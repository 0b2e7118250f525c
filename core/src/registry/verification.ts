import type { ResolvedConfig } from '../config/define-config.ts';
import { splitDigest } from '../digest.ts';
import type { Logger } from '../log.ts';
import { parseManifest } from '../manifest/parse-manifest.ts';
import { createStore } from '../store/index.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { Verification } from '../store/verify/verification.ts';
import { openStorage } from './open-storage.ts';

export { findingKinds, type Finding, type FindingKind, type Severity } from '../store/verify/finding.ts';
export type { VerifyProgress } from '../store/verify/inspection.ts';

/** A verification of the storage of a registry, which may be running elsewhere. */
export interface OpenVerification extends Pick<Verification, 'findings' | 'progress'> {
  /** The plugin that gives the storage. */
  readonly storage: string;
  close(): Promise<void>;
}

/** @throws Error when the storage cannot be opened. */
export async function openVerification(
  config: ResolvedConfig,
  { log, deep, repair }: { readonly log: Logger; readonly deep: boolean; readonly repair: boolean },
): Promise<OpenVerification> {
  const storage = await openStorage(config, log);
  const { plugin, driver } = storage;
  const uploadMaxAge = config.uploads.maxAge * 1000;
  const store = createStore(driver, {
    log,
    uploads: { maxAge: uploadMaxAge, maxConcurrent: config.uploads.maxConcurrent },
    manifestCacheBytes: config.cache.manifestBytes,
    blobCacheBytes: config.cache.blobBytes,
  });
  const verification = new Verification(new TimeLimitedDriver(driver), {
    deep,
    repair,
    mayLack: config.manifests.mayLack,
    uploadMaxAge,
    parse: ({ bytes, mediaType, digest }) => parseManifest(bytes, mediaType, splitDigest(digest).algorithm),
    sweepUploads: () => store.uploads.expire(),
  });
  return {
    storage: plugin,
    findings: () => verification.findings(),
    get progress() {
      return verification.progress;
    },
    close: () => storage.close(),
  };
}
