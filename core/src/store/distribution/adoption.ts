import { isRegistryError, type StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from '../concurrency.ts';
import type { Store } from '../index.ts';
import type { AdoptionRun, AdoptOptions } from './adoption-run.ts';
import { layout } from './layout.ts';
import { ADOPTER, ManifestAdoption } from './manifest-adoption.ts';
import { DAMAGED, OtherRegistry, type OtherTag } from './other-registry.ts';
import { assertServing, retire } from './retirement.ts';
import { noProgress, type Skip, type TransferProgress } from './transfer.ts';

/** Manifests taken over at once, and when every byte of theirs is hashed. */
const AT_ONCE = 16;
const HASHED_AT_ONCE = 2;

/**
 * Takes over what a CNCF distribution registry keeps under the same root or prefix, while either may serve. Nothing of
 * it is changed, and no blob is copied. What is there already is left alone, so a run that was broken off is gone on with
 * by the next, and so is what the other registry has got since. Memory does not grow with what is stored.
 */
export class Adoption {
  readonly #run: AdoptionRun;
  readonly #manifests: ManifestAdoption;
  readonly #atOnce: number;

  constructor(
    driver: StorageDriver,
    store: Pick<Store, 'blobs' | 'manifests' | 'tags'>,
    options: AdoptOptions,
  ) {
    this.#run = {
      store,
      driver,
      other: new OtherRegistry(driver),
      options,
      progress: noProgress(),
    };
    this.#manifests = new ManifestAdoption(this.#run);
    this.#atOnce = options.deep ? HASHED_AT_ONCE : AT_ONCE;
  }

  /** How far it has come, at any moment. */
  get progress(): Readonly<TransferProgress> {
    return this.#run.progress;
  }

  /**
   * Runs once. Gives what it leaves out, as it meets it.
   * @throws StorageError when storage cannot be read or written: the next run goes on.
   */
  async *skips(): AsyncGenerator<Skip> {
    const { other, options, progress } = this.#run;
    await assertServing(this.#run.driver);
    for await (const _ of other.repositories()) progress.total += 1;
    for await (const repository of other.repositories()) {
      if (options.isRepositoryName(repository)) {
        yield* this.#tags(repository);
        yield* this.#revisions(repository);
      } else {
        yield { reason: 'unsupported-name', repository, detail: 'no repository can have this name' };
      }
      progress.repositories.done += 1;
    }
  }

  /** Declares the other registry gone for good: from then on what was taken over where it is can be collected. */
  async finish(): Promise<void> {
    await retire(this.#run.driver);
  }

  async *#tags(repository: string): AsyncGenerator<Skip> {
    const { other, progress } = this.#run;
    for await (const page of other.tags(repository)) {
      const set = page.filter(({ isSet }) => isSet);
      progress.tags.found += set.length;
      for (const skip of await mapLimited(set, this.#atOnce, (tag) => this.#tag(repository, tag))) {
        if (skip === undefined) continue;
        progress.tags.skipped += 1;
        yield skip;
      }
    }
  }

  /** What is set by others here stays: what the other registry says of such a tag is old. */
  async #tag(repository: string, { tag, digests }: OtherTag): Promise<Skip | undefined> {
    const { other, store, options, progress } = this.#run;
    if (!options.isTag(tag))
      return { reason: 'unsupported-name', repository, tag, detail: 'no tag can have this name' };
    const digest = await other.link(layout.tag(repository, tag));
    if (digest === undefined) return undefined;
    if (digest === DAMAGED)
      return { reason: 'damaged-link', repository, tag, detail: 'what the tag points at cannot be read' };
    const current = await store.tags.get(repository, tag);
    const kept: Skip = {
      reason: 'kept-tag',
      repository,
      tag,
      digest,
      detail: `it has been set here since, to ${current?.digest ?? 'something else'}`,
    };
    const isThere =
      current?.digest === digest && (await store.manifests.get(repository, digest)) !== undefined;
    if (isThere) return undefined;
    if (current !== undefined && current.digest !== digest && current.history[0]?.actor !== ADOPTER)
      return kept;
    try {
      const adopted = await this.#manifests.take(repository, digest, {
        tag,
        seen: current?.digest,
        past: digests.filter((each) => each !== digest),
      });
      if (typeof adopted !== 'string') return { ...adopted, repository, tag };
      progress.tags.set += 1;
      return undefined;
    } catch (error) {
      if (isRegistryError(error) && error.status === 412) return kept;
      throw error;
    }
  }

  async *#revisions(repository: string): AsyncGenerator<Skip> {
    const { other, options, progress } = this.#run;
    for await (const page of other.revisions(repository)) {
      progress.manifests.found += page.length;
      const all = await mapLimited(page, this.#atOnce, (digest) => this.#manifests.take(repository, digest));
      for (const adopted of all) {
        // A dry run meets a manifest several times, and counts it here.
        if (adopted === 'taken' && options.dryRun) progress.manifests.taken += 1;
        if (typeof adopted === 'string') continue;
        progress.manifests.skipped += 1;
        yield { ...adopted, repository };
      }
    }
  }
}
