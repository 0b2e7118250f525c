import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '../keys.ts';
import { BlobCollection } from './blob-collection.ts';
import { DeletedCollection } from './deleted-collection.ts';
import { ManifestCollection, type RemoveManifest } from './manifest-collection.ts';
import { Mark, type Counted } from './mark.ts';
import { PacedStorage, type Pace } from './paced-storage.ts';
import type { ParseManifest } from './references.ts';
import { repositoryKeys } from './repository-keys.ts';
import type { CollectProgress, CollectRules, Run } from './run.ts';
import { Tally, type Account, type Step } from './tally.ts';

export interface CollectOptions extends CollectRules, Pace {
  readonly parse: ParseManifest;
  readonly removeManifest: RemoveManifest;
}

/** What came of a run. */
export interface CollectSummary {
  readonly dryRun: boolean;
  readonly seconds: number;
  readonly blobs: Account;
  /** Those that have been deleted, and those that nothing holds, unless they are kept for ever. */
  readonly manifests: Account;
  /** Objects that could not be understood. Whatever they may refer to was kept. */
  readonly damaged: number;
}

/**
 * One run of garbage collection, beside registries that serve and clients that push. Nothing is locked; several may run
 * at once. Memory does not grow with what is stored.
 *
 * The order that makes a crash at any step harmless: first everything is marked that any manifest refers to; then what
 * is not marked is condemned, by one compare-and-swap each, which takes nothing from anybody; and only what an earlier
 * run has condemned, a grace before this mark began, and what nobody has asked for since, is doomed by another: then go
 * its links, its bytes, and its record last, each by the version that was doomed. A run that dies leaves marks that
 * nobody needs, condemned records that anybody may rescue, and doomed ones, which count as absent for everybody and are
 * gone on with by the next run. Manifests go the same way, from the top down, each before what it refers to. What clients
 * have deleted goes before all that, by one conditional removal, once it can no longer be restored.
 */
export class Collection {
  readonly #options: CollectOptions;
  readonly #storage: PacedStorage;
  readonly #progress: CollectProgress = { phase: 'counting', total: 0, objects: 0, deleted: 0, freed: 0 };

  constructor(driver: StorageDriver, options: CollectOptions) {
    this.#options = options;
    this.#storage = new PacedStorage(driver, options);
  }

  /** How far it has come, at any moment. */
  get progress(): Readonly<CollectProgress> {
    return this.#progress;
  }

  /**
   * Runs once. Gives what it does as it does it, and returns the summary.
   * @throws StorageError when storage cannot be read or written: what has not been done, the next run does. The reason
   *   of the signal when it is told to stop.
   */
  async *run(): AsyncGenerator<Step, CollectSummary> {
    const { keepUntagged, dryRun, parse, removeManifest } = this.#options;
    const start = performance.now();
    const progress = this.#progress;
    const run: Run = {
      storage: this.#storage,
      rules: this.#options,
      began: Date.now(),
      parse,
      progress,
      blobs: new Tally(),
      manifests: new Tally(),
    };
    const counted = await this.#count();
    run.blobs.find(counted.blobs);
    run.manifests.find(counted.manifests);

    const deleted = new DeletedCollection(run);
    const mark = new Mark(run, counted, deleted);
    progress.phase = 'marking';
    await mark.make();
    progress.phase = 'looking';
    yield* deleted.steps();
    if (mark.holds !== undefined && keepUntagged !== undefined)
      yield* new ManifestCollection(run, mark.holds, keepUntagged, removeManifest).steps();
    yield* new BlobCollection(run, mark).steps();
    return {
      dryRun,
      seconds: Math.round(performance.now() - start) / 1000,
      blobs: run.blobs.account,
      manifests: run.manifests.account,
      damaged: mark.damaged,
    };
  }

  async #count(): Promise<Counted> {
    const { keepUntagged } = this.#options;
    let blobs = 0;
    let manifests = 0;
    let tags = 0;
    for await (const page of this.#storage.pages(keys.records)) blobs += page.length;
    for await (const page of this.#storage.pages(keys.deletedTags)) tags += page.length;
    const sections = keepUntagged === undefined ? (['manifests'] as const) : (['manifests', 'tags'] as const);
    for await (const page of repositoryKeys(this.#storage, ...sections)) {
      const here = page.filter((key) => keys.isInSection(key, 'manifests')).length;
      manifests += here;
      tags += page.length - here;
    }
    const looks = keepUntagged === undefined ? 1 : 2;
    this.#progress.total = blobs + looks * manifests + tags;
    return { blobs, manifests };
  }
}
