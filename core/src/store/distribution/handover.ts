import type { StorageDriver } from '@entrepot/plugin-sdk';
import { isDigest } from '../../digest.ts';
import { mapLimited } from '../concurrency.ts';
import { keys } from '../keys.ts';
import { listAll } from '../listing.ts';
import { manifestDigest } from '../verify/places.ts';
import type { HandoverOptions, HandoverRun } from './handover-run.ts';
import { layout } from './layout.ts';
import { ManifestHandover } from './manifest-handover.ts';
import { OtherRegistry } from './other-registry.ts';
import { assertServing } from './retirement.ts';
import { noProgress, type Skip, type TransferProgress } from './transfer.ts';

const AT_ONCE = 8;
const TAGS_AT_ONCE = 1000;

/**
 * Writes what is in our registry as a CNCF distribution registry would have written it, under the same root or prefix,
 * while either may serve. Nothing of ours is changed, nothing of the other's is removed, and what is there already is
 * left alone, so a run that was broken off is gone on with by the next. Memory does not grow with what is stored.
 */
export class Handover {
  readonly #run: HandoverRun;
  readonly #manifests: ManifestHandover;

  constructor(driver: StorageDriver, store: HandoverRun['store'], options: HandoverOptions) {
    this.#run = { store, driver, other: new OtherRegistry(driver), options, progress: noProgress() };
    this.#manifests = new ManifestHandover(this.#run);
  }

  /** How far it has come, at any moment. */
  get progress(): Readonly<TransferProgress> {
    return this.#run.progress;
  }

  /**
   * Runs once. Gives what it leaves out, as it meets it. A repository's manifests go over before its tags, so that no tag
   * ever points at nothing.
   * @throws StorageError when storage cannot be read or written: the next run goes on.
   */
  async *skips(): AsyncGenerator<Skip> {
    const { driver, progress } = this.#run;
    // Else what is written now would be taken for left over.
    await assertServing(driver);
    for await (const page of listAll(driver, keys.catalog)) progress.total += page.length;
    for await (const page of listAll(driver, keys.catalog)) {
      for (const key of page) {
        const repository = keys.repositoryOf(key);
        yield* this.#manifestsOf(repository);
        yield* this.#tagsOf(repository);
        progress.repositories.done += 1;
      }
    }
  }

  async *#manifestsOf(repository: string): AsyncGenerator<Skip> {
    const { driver, options, progress } = this.#run;
    for await (const page of listAll(driver, keys.manifests(repository))) {
      const digests = page.flatMap((key) => manifestDigest(repository, key) ?? []);
      progress.manifests.found += digests.length;
      const all = await mapLimited(digests, AT_ONCE, (digest) => this.#manifests.give(repository, digest));
      for (const given of all) {
        // A dry run meets a manifest several times, and counts it here.
        if (given === 'given' && options.dryRun) progress.manifests.taken += 1;
        if (typeof given === 'string') continue;
        progress.manifests.skipped += 1;
        yield { ...given, repository };
      }
    }
  }

  async *#tagsOf(repository: string): AsyncGenerator<Skip> {
    const { store, progress } = this.#run;
    for (let last: string | undefined, more = true; more;) {
      const page = await store.tags.list(repository, { last, limit: TAGS_AT_ONCE });
      progress.tags.found += page.names.length;
      for (const skip of await mapLimited(page.names, AT_ONCE, (tag) => this.#tag(repository, tag))) {
        if (skip === undefined) continue;
        progress.tags.skipped += 1;
        yield skip;
      }
      last = page.names.at(-1);
      ({ more } = page);
    }
  }

  /** What the other registry has been told of a tag since, and we have never seen, stays. */
  async #tag(repository: string, tag: string): Promise<Skip | undefined> {
    const { store, driver, other, options, progress } = this.#run;
    const ours = await store.tags.get(repository, tag);
    if (ours === undefined) return undefined;
    const { digest, history } = ours;
    const current = await other.link(layout.tag(repository, tag));
    if (current === digest) return undefined;
    if (current !== undefined && isDigest(current) && !history.some((change) => change.digest === current)) {
      const detail = `it has been set there since, to ${current}, which has not been imported`;
      return { reason: 'kept-tag', repository, tag, digest, detail };
    }
    const given = await this.#manifests.give(repository, digest);
    if (typeof given !== 'string') return { ...given, repository, tag };
    progress.tags.set += 1;
    if (options.dryRun) return undefined;
    // In the order of the other registry: a tag that points somewhere has that in its past.
    await driver.write(layout.tagged(repository, tag, digest), Buffer.from(digest));
    await driver.write(layout.tag(repository, tag), Buffer.from(digest));
    return undefined;
  }
}
