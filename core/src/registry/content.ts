import {
  isStorageKey,
  type RepositoryUsage as RepositoryBytes,
  type StorageDriver,
} from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { isDigest, splitDigest } from '../digest.ts';
import type { Logger } from '../log.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import { Explanation } from '../store/explain/explanation.ts';
import type { Reasons } from '../store/explain/reasons.ts';
import type { RepositoryUsage } from '../store/explain/repository-count.ts';
import { Usage } from '../store/explain/usage.ts';
import { keys } from '../store/keys.ts';
import type { StoredManifest } from '../store/stored-manifest.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { openStorage } from './open-storage.ts';

export type { Holder, Reasons, State } from '../store/explain/reasons.ts';
export type { RepositoryUsage } from '../store/explain/repository-count.ts';
export type { TotalUsage } from '../store/explain/usage.ts';

/** What is in the storage of a registry, which may be running elsewhere. Nothing is changed. */
export interface OpenContent {
  /**
   * Why something is there: `sha256:…` is a blob of the registry, `team/app@sha256:…` a manifest or a blob of a repository.
   * @throws Error when the text is neither.
   */
  why(reference: string): Promise<Reasons>;
  /** @throws Error when it is no name of a repository. */
  usageOf(repository: string): Promise<RepositoryUsage>;
  usage: Usage['all'];
  close(): Promise<void>;
}

/** @throws Error when the storage cannot be opened. */
export async function openContent(config: ResolvedConfig, log: Logger): Promise<OpenContent> {
  const storage = await openStorage(config, log);
  const driver = new TimeLimitedDriver(storage.driver);
  const { grace, keepUntagged, restoreWindow } = config.gc;
  const rules = {
    grace: grace * 1000,
    keepUntagged: keepUntagged === 'forever' ? undefined : keepUntagged * 1000,
    restoreWindow: restoreWindow * 1000,
  };
  const explanation = new Explanation(driver, rules, parseStored);
  const usage = new Usage(driver, parseStored);
  return {
    async why(reference) {
      const at = reference.lastIndexOf('@');
      const digest = reference.slice(at + 1);
      if (!isDigest(digest))
        throw new Error(
          `'${reference}' is to be a digest, such as sha256:4d3f…, or one of a repository, such as team/app@sha256:4d3f…`,
        );
      return at === -1
        ? explanation.blob(digest)
        : explanation.of(repositoryOf(reference.slice(0, at)), digest);
    },
    usageOf: async (repository) => usage.of(repositoryOf(repository)),
    usage: () => usage.all(),
    close: () => storage.close(),
  };
}

/** What each repository takes, for plugins. */
export async function* usageOf(driver: StorageDriver): AsyncGenerator<RepositoryBytes> {
  for await (const { repository, logical } of new Usage(driver, parseStored).all())
    yield { repository, bytes: logical };
}

/** A name that storage can be asked about. @throws Error */
function repositoryOf(name: string): string {
  if (name !== '' && isStorageKey(`${keys.content(name)}tags`)) return name;
  throw new Error(`'${name}' is no name of a repository`);
}

function parseStored({ bytes, mediaType, digest }: StoredManifest): ParsedManifest {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
}
