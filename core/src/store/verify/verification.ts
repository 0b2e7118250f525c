import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '../keys.ts';
import { listAll } from '../listing.ts';
import { BlobCheck } from './blob-check.ts';
import { CatalogCheck } from './catalog-check.ts';
import { Claims } from './claims.ts';
import { DeletedTagCheck } from './deleted-tag-check.ts';
import { EntryCheck } from './entry-check.ts';
import { foreign, type Finding } from './finding.ts';
import type { Inspection, VerifyOptions, VerifyProgress, VerifyWaits } from './inspection.ts';
import { LinkCheck } from './link-check.ts';
import { LostBlobs } from './lost-blobs.ts';
import { ManifestCheck } from './manifest-check.ts';
import { OrphanSearch } from './orphan-search.ts';
import { linkDigest } from './places.ts';
import { Quarantine } from './quarantine.ts';
import { RepositoryView } from './repository-view.ts';
import { StorageWalk } from './storage-walk.ts';
import { TagCheck } from './tag-check.ts';
import { UploadCheck } from './upload-check.ts';

const HOUR = 60 * 60 * 1000;
const waits: VerifyWaits = { patience: 500, settle: 120_000, safetyAge: 24 * HOUR };

/** Objects looked at at once; when all bytes are hashed, fewer. */
const AT_ONCE = 32;
const HASHED_AT_ONCE = 4;
/** The first character after `/`: all keys of a repository come before the name with this behind it. */
const AFTER_SLASH = '0';

/**
 * Walks all there is in a storage and finds what is not as it should be, while registries work on it. Memory does not
 * grow with what is stored. Each object is judged by what is in storage, past all caches.
 *
 * The order matters: uploads and records first, which say what bytes are referred to and which are lost; then what each
 * repository makes of them, manifests before the links they need; the bytes themselves last.
 */
export class Verification {
  readonly #inspection: Inspection;
  readonly #walk: StorageWalk;

  constructor(driver: StorageDriver, options: VerifyOptions) {
    this.#inspection = {
      driver,
      options,
      waits: options.waits ?? waits,
      progress: { total: 0, objects: 0, bytes: 0, isWaiting: false },
      quarantine: new Quarantine(driver),
      claims: new Claims(),
      lost: new LostBlobs(),
    };
    this.#walk = new StorageWalk(this.#inspection);
  }

  /** How far it has come, at any moment. */
  get progress(): Readonly<VerifyProgress> {
    return this.#inspection.progress;
  }

  /**
   * Everything that is found, as it is found; what has been repaired says so.
   * @throws StorageError when the storage cannot be read any more, or a repair cannot be written.
   */
  async *findings(): AsyncGenerator<Finding> {
    await this.#count();
    yield* this.#uploads();
    const blobs = new BlobCheck(this.#inspection);
    const atOnce = this.#inspection.options.deep ? HASHED_AT_ONCE : AT_ONCE;
    yield* this.#walk.over(keys.records, atOnce, (key) => blobs.examine(key));
    for await (const repository of this.#repositories()) yield* this.#repository(repository);
    const deletedTags = new DeletedTagCheck(this.#inspection);
    yield* this.#walk.over(keys.deletedTags, AT_ONCE, (key) => deletedTags.examine(key));
    const catalog = new CatalogCheck(this.#inspection);
    yield* this.#walk.over(keys.catalog, AT_ONCE, (key) => catalog.examine(key));
    yield* new OrphanSearch(this.#inspection).run();
  }

  async #count(): Promise<void> {
    const { driver, progress } = this.#inspection;
    const prefixes = [
      keys.uploads,
      keys.tails,
      keys.uploadSeal,
      keys.records,
      keys.deletedTags,
      keys.catalog,
      keys.bytes,
    ];
    for (const prefix of prefixes) {
      for await (const page of listAll(driver, prefix)) progress.total += page.length;
    }
    for await (const repository of this.#repositories()) {
      // Its entry in the catalog is looked for once more.
      progress.total += 1;
      for (const prefix of partsOf(repository)) {
        for await (const page of listAll(driver, prefix)) progress.total += page.length;
      }
    }
  }

  async *#uploads(): AsyncGenerator<Finding> {
    const uploads = new UploadCheck(this.#inspection);
    yield* this.#walk.over(keys.uploads, AT_ONCE, (key) => uploads.session(key));
    yield* this.#walk.over(keys.tails, AT_ONCE, (key) => uploads.tail(key));
    yield* this.#walk.over(keys.uploadSeal, AT_ONCE, (key) => uploads.seal(key));
  }

  /** Names of all repositories that hold something, in or out of the catalog. */
  async *#repositories(): AsyncGenerator<string> {
    let startAfter = '';
    for (;;) {
      const { keys: first } = await this.#inspection.driver.list(keys.repositories, { startAfter, limit: 1 });
      const [key] = first;
      if (key === undefined) return;
      const repository = keys.holderOf(key);
      yield repository;
      startAfter = keys.content(repository).slice(0, -1) + AFTER_SLASH;
    }
  }

  async *#repository(repository: string): AsyncGenerator<Finding> {
    const inspection = this.#inspection;
    const view = new RepositoryView(inspection, repository);
    const links = new LinkCheck(inspection);
    const manifests = new ManifestCheck(inspection, links, view);
    const entries = new EntryCheck(inspection, repository);
    const tags = new TagCheck(inspection, view);
    const catalog = new CatalogCheck(inspection);
    yield* this.#walk.at([keys.repository(repository)], 1, (key) => catalog.missing(key));
    yield* this.#walk.over(keys.manifests(repository), AT_ONCE, (key) => manifests.examine(key));
    yield* this.#walk.over(keys.links(repository), AT_ONCE, async (key) => {
      const digest = linkDigest(repository, key);
      if (digest === undefined) return foreign(key);
      const isMissing = view.isMissing(digest);
      const suspicions = await links.examine(repository, digest, isMissing);
      // What a manifest lacks has been told with the manifest, and its link is worth keeping.
      return isMissing ? suspicions.filter(({ finding }) => finding.kind !== 'dangling-link') : suspicions;
    });
    yield* this.#walk.over(keys.allReferrers(repository), AT_ONCE, (key) => entries.examine(key));
    yield* this.#walk.over(keys.tags(repository), AT_ONCE, (key) => tags.examine(key));
  }
}

function partsOf(repository: string): readonly string[] {
  return [
    keys.manifests(repository),
    keys.links(repository),
    keys.allReferrers(repository),
    keys.tags(repository),
  ];
}
