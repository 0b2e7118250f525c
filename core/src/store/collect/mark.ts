import { BloomFilter } from '../bloom-filter.ts';
import { forEachLimited } from '../concurrency.ts';
import { keys } from '../keys.ts';
import { manifestFormat } from '../stored-manifest.ts';
import { digestsSince, tagRecordFormat } from '../tag-record.ts';
import { manifestDigest } from '../verify/places.ts';
import type { DeletedCollection } from './deleted-collection.ts';
import { Holds } from './holds.ts';
import { AT_ONCE } from './paced-storage.ts';
import { digestsIn, referencesOf } from './references.ts';
import { repositoryKeys } from './repository-keys.ts';
import type { Run } from './run.ts';

/** How many there are, about. */
export interface Counted {
  readonly blobs: number;
  readonly manifests: number;
}

/**
 * What manifests and tags refer to. Every manifest that is there counts, whether anything holds it or not: it can be
 * pulled, or restored when it has been deleted, so all of it has to be there. An object that storage does not give ends
 * the run: it might refer to anything.
 */
export class Mark {
  readonly #run: Run;
  readonly #deleted: DeletedCollection;
  readonly #blobs: BloomFilter;
  readonly #holds: Holds | undefined;
  #damaged = 0;

  /** Tells `deleted` of deleted manifests. */
  constructor(run: Run, counted: Counted, deleted: DeletedCollection) {
    this.#run = run;
    this.#deleted = deleted;
    this.#blobs = BloomFilter.forAbout(counted.blobs);
    this.#holds = run.rules.keepUntagged === undefined ? undefined : new Holds(counted.manifests);
  }

  /** Whether a manifest refers to the blob. */
  hasBlob(digest: string): boolean {
    return this.#blobs.has(digest);
  }

  /** What holds manifests; `undefined` when all of them stay. */
  get holds(): Holds | undefined {
    return this.#holds;
  }

  /** Objects that could not be understood. Whatever they may refer to is kept. */
  get damaged(): number {
    return this.#damaged;
  }

  /** Looks through all repositories. @throws StorageError */
  async make(): Promise<void> {
    const { storage, progress } = this.#run;
    // Tags say what stays only where untagged manifests go.
    const sections = this.#holds === undefined ? (['manifests'] as const) : (['manifests', 'tags'] as const);
    for await (const page of repositoryKeys(storage, ...sections)) {
      await forEachLimited(page, AT_ONCE, async (key) => {
        if (keys.isInSection(key, 'manifests')) await this.#readManifest(key);
        else await this.#readTag(key);
        progress.objects += 1;
      });
    }
    this.#damaged += await this.#deleted.readTags(this.#holds);
  }

  async #readManifest(key: string): Promise<void> {
    const repository = keys.holderOf(key);
    const found = await this.#run.storage.read(manifestFormat, key);
    if (found === undefined) return;
    const { value, object } = found;
    const { digests, children, isCertain } = referencesOf(value, object.bytes, this.#run.parse);
    if (!isCertain) this.#damaged += 1;
    for (const digest of digests) this.#blobs.add(digest);
    if (value?.deleted !== undefined) this.#deleted.meet(key, value, value.deleted, object);
    const isCondemned = value?.condemned !== undefined;
    for (const child of children) this.#holds?.add(repository, child, { isCondemned });
    const own = isCondemned ? manifestDigest(repository, key) : undefined;
    if (own !== undefined) this.#holds?.noteCondemned(repository, own);
  }

  /** It holds what it points at, and what can be restored of its past. One that is damaged holds all it remembers. */
  async #readTag(key: string): Promise<void> {
    const found = await this.#run.storage.read(tagRecordFormat, key);
    if (found === undefined) return;
    if (found.value === undefined) this.#damaged += 1;
    const { rules, began } = this.#run;
    const digests =
      found.value === undefined
        ? digestsIn(found.object.bytes)
        : [found.value.digest, ...digestsSince(found.value.history, began - rules.restoreWindow)];
    for (const digest of digests) this.#holds?.add(keys.holderOf(key), digest, { isCondemned: false });
  }
}
