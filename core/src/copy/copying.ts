import { isDigest } from '../digest.ts';
import { messageOf } from '../error-message.ts';
import { isRepositoryName, isTag } from '../http/match-route.ts';
import { keptCredentials, type Credentials } from './credentials.ts';
import { closeConnections } from './exchange.ts';
import type { CopyProgress, CopyRun, RepositoryPair } from './copy-run.ts';
import { ManifestCopy } from './manifest-copy.ts';
import { fits, isPattern, type Place } from './place.ts';
import { RegistryClient } from './registry-client.ts';

export interface CopyOptions {
  readonly source: Place;
  readonly target: Place;
  /** Instead of those that are kept for the registries. */
  readonly sourceCredentials: Credentials | undefined;
  readonly targetCredentials: Credentials | undefined;
  readonly dryRun: boolean;
  readonly referrers: boolean;
  /** Blobs, and tags, that are under way at a time. */
  readonly jobs: number;
}

/** What came of a tag, or of a manifest named by a digest. */
export interface CopiedTag {
  /** Where it comes from and goes to, as `repository:tag`. */
  readonly from: string;
  readonly to: string;
  readonly outcome: 'copied' | 'there' | 'failed';
  /** Why it failed. */
  readonly reason?: string;
}

interface Reference {
  readonly pair: RepositoryPair;
  readonly reference: string;
  readonly as: string;
}

/**
 * Copies from any OCI registry to any, as their client. What is there already is left alone, so a copy that was broken off
 * is gone on with by the next. Memory grows neither with what is copied nor with the number of tags.
 */
export class Copying {
  readonly #options: CopyOptions;
  readonly #progress: CopyProgress = {
    tags: { found: 0, copied: 0, there: 0, failed: 0 },
    manifests: { copied: 0 },
    blobs: { copied: 0, mounted: 0, there: 0, bytes: 0 },
  };

  /** @throws Error when source and target do not go together. */
  constructor(options: CopyOptions) {
    this.#options = options;
    const { source, target } = options;
    if (isPattern(target.repository) && target.repository !== '')
      throw new Error('the target can be no pattern');
    if (target.digest !== undefined || (target.tag !== undefined && isPattern(target.tag)))
      throw new Error('the target may have a tag, and neither a digest nor a pattern');
    const isOne = !isPattern(source.repository);
    if (source.digest !== undefined && !isOne) throw new Error('a digest goes with the name of a repository');
    const namesOne =
      isOne && (source.digest !== undefined || (source.tag !== undefined && !isPattern(source.tag)));
    if (target.tag !== undefined && !namesOne)
      throw new Error('the target has a tag, and the source may be several');
  }

  /** How far it has come, at any moment. */
  get progress(): CopyProgress {
    return this.#progress;
  }

  /**
   * Runs once. Gives what has become of each tag; one that fails does not end the others.
   * @throws Error when the source does not tell what it has.
   */
  async *run(): AsyncGenerator<CopiedTag> {
    const { source, target, sourceCredentials, targetCredentials, dryRun, referrers, jobs } = this.#options;
    const [asSource, asTarget] = await Promise.all([
      sourceCredentials ?? keptCredentials(source.host),
      targetCredentials ?? keptCredentials(target.host),
    ]);
    const run: CopyRun = {
      source: new RegistryClient(source, asSource),
      target: new RegistryClient(target, asTarget),
      isSame: source.url === target.url,
      dryRun,
      referrers,
      progress: this.#progress,
    };
    const manifests = new ManifestCopy(run, jobs);
    const underWay = new Set<Promise<CopiedTag>>();
    const done: CopiedTag[] = [];
    try {
      for await (const reference of this.#references(run.source)) {
        this.#progress.tags.found += 1;
        const one: Promise<CopiedTag> = this.#one(manifests, reference).then((copied) => {
          underWay.delete(one);
          done.push(copied);
          return copied;
        });
        underWay.add(one);
        if (underWay.size >= jobs) await Promise.race(underWay);
        yield* done.splice(0);
      }
      await Promise.all(underWay);
      yield* done.splice(0);
    } finally {
      closeConnections();
    }
  }

  async #one(manifests: ManifestCopy, { pair, reference, as }: Reference): Promise<CopiedTag> {
    const { tags } = this.#progress;
    const named = { from: nameOf(pair.from, reference), to: nameOf(pair.to, as) };
    try {
      assertNames(pair, reference, as);
      const outcome = await manifests.copy(pair, reference, as);
      tags[outcome] += 1;
      return { ...named, outcome };
    } catch (error) {
      tags.failed += 1;
      return { ...named, outcome: 'failed', reason: messageOf(error) };
    }
  }

  async *#references(client: RegistryClient): AsyncGenerator<Reference> {
    const { source, target } = this.#options;
    for await (const pair of this.#pairs(client)) {
      if (source.digest !== undefined) {
        yield { pair, reference: source.digest, as: target.tag ?? source.digest };
      } else if (source.tag !== undefined && !isPattern(source.tag)) {
        yield { pair, reference: source.tag, as: target.tag ?? source.tag };
      } else if (!isRepositoryName(pair.from)) {
        yield { pair, reference: '*', as: '*' };
      } else {
        for await (const tag of client.tags(pair.from))
          if (source.tag === undefined || fits(source.tag, tag)) yield { pair, reference: tag, as: tag };
      }
    }
  }

  /** One repository becomes the target; several keep their names, below the target if it has one. */
  async *#pairs(client: RegistryClient): AsyncGenerator<RepositoryPair> {
    const { source, target } = this.#options;
    if (!isPattern(source.repository)) {
      yield { from: source.repository, to: target.repository || source.repository };
      return;
    }
    for await (const from of client.repositories()) {
      if (source.repository !== '' && !fits(source.repository, from)) continue;
      yield { from, to: target.repository === '' ? from : `${target.repository}/${from}` };
    }
  }
}

function nameOf(repository: string, reference: string): string {
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}

/** What a registry lists goes into paths of requests, to the target as well. @throws Error for what is no name. */
function assertNames({ from, to }: RepositoryPair, ...references: readonly string[]): void {
  for (const name of [from, to])
    if (!isRepositoryName(name)) throw new Error('no repository can have this name');
  for (const reference of references)
    if (!isTag(reference) && !isDigest(reference)) throw new Error('no tag or digest is spelled so');
}
