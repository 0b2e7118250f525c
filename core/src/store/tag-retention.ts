import type { JudgedTag, Logger, RetentionPolicy, StorageDriver, TagVerdict } from '@entrepot/plugin-sdk';
import { AT_ONCE, PacedStorage, type Pace } from './collect/paced-storage.ts';
import { mapLimited } from './concurrency.ts';
import { keys } from './keys.ts';
import { tagRecordFormat } from './tag-record.ts';
import type { TagStore } from './tag-store.ts';

/** Tags of one repository that are judged at once; in one that has more, all stay. */
const MOST_TAGS = 500_000;

/** A tag that has been judged, and what has become of it. */
export interface RetentionStep extends TagVerdict, JudgedTag {
  readonly repository: string;
  /** `dropped` in a dry run: it would be. `changed`: it was to go, and is not what was judged any more. */
  readonly outcome: 'kept' | 'dropped' | 'changed';
}

/** What came of a run. */
export interface RetentionSummary {
  readonly dryRun: boolean;
  readonly seconds: number;
  /** Repositories that rules are about. */
  readonly repositories: number;
  readonly kept: number;
  readonly dropped: number;
  readonly changed: number;
  /** Repositories in which all tags were kept, because they could not be judged. */
  readonly failed: number;
}

export interface TagRetentionOptions extends Pace {
  readonly policy: RetentionPolicy;
  readonly tags: Pick<TagStore, 'deleteAs'>;
  readonly dryRun: boolean;
  readonly log: Logger;
}

/**
 * One run of retention, beside registries that serve: all tags of a repository are read and judged, and those that are
 * to go are deleted, each only as it was judged. What cannot be read or judged stays. A run that dies has deleted some
 * tags, each as a client would; the next run goes on.
 */
export class TagRetention {
  readonly #options: TagRetentionOptions;
  readonly #storage: PacedStorage;
  readonly #counts = { repositories: 0, kept: 0, dropped: 0, changed: 0, failed: 0 };

  constructor(driver: StorageDriver, options: TagRetentionOptions) {
    this.#options = options;
    this.#storage = new PacedStorage(driver, options);
  }

  /**
   * Runs once. Gives what becomes of each tag, and returns the summary.
   * @throws StorageError when the storage cannot be read or written; the reason of the signal when it is told to stop.
   */
  async *run(): AsyncGenerator<RetentionStep, RetentionSummary> {
    const began = performance.now();
    for await (const page of this.#storage.pages(keys.catalog)) {
      for (const repository of page.map(keys.repositoryOf))
        if (this.#options.policy.isAbout(repository)) yield* this.#repository(repository);
    }
    const seconds = Math.round(performance.now() - began) / 1000;
    return { dryRun: this.#options.dryRun, seconds, ...this.#counts };
  }

  async *#repository(repository: string): AsyncGenerator<RetentionStep> {
    this.#counts.repositories += 1;
    const tags = await this.#tagsOf(repository);
    const verdicts = await this.#verdicts(repository, tags);
    for (const tag of tags) {
      const verdict = verdicts.get(tag.tag);
      if (verdict === undefined) {
        this.#counts.kept += 1;
        continue;
      }
      const outcome = verdict.keeps ? 'kept' : await this.#drop(repository, tag);
      this.#counts[outcome] += 1;
      yield { ...tag, ...verdict, repository, outcome };
    }
  }

  async #tagsOf(repository: string): Promise<readonly JudgedTag[]> {
    const tags: JudgedTag[] = [];
    for await (const page of this.#storage.pages(keys.tags(repository))) {
      const found = await mapLimited(page, AT_ONCE, async (key) => {
        const record = await this.#storage.read(tagRecordFormat, key);
        const [present] = record?.value?.history ?? [];
        // One that is damaged, or does not say since when, is left alone.
        if (record?.value === undefined || present?.digest !== record.value.digest) return [];
        return [{ tag: keys.tagOf(key), digest: present.digest, pushed: present.at }];
      });
      tags.push(...found.flat());
      if (tags.length > MOST_TAGS) break;
    }
    return tags;
  }

  /** None when it cannot be told: every tag stays then. */
  async #verdicts(repository: string, tags: readonly JudgedTag[]): Promise<ReadonlyMap<string, TagVerdict>> {
    const { policy, log } = this.#options;
    try {
      if (tags.length > MOST_TAGS) throw new Error(`it has more than ${MOST_TAGS} tags`);
      const verdicts = await policy.judge(repository, tags);
      return new Map(verdicts.map((verdict) => [verdict.tag, verdict]));
    } catch (error) {
      this.#counts.failed += 1;
      log.error(
        { err: error, repository },
        'the tags of a repository could not be judged, and all of them stay',
      );
      return new Map();
    }
  }

  async #drop(repository: string, judged: JudgedTag): Promise<'dropped' | 'changed'> {
    const { tags, dryRun } = this.#options;
    if (dryRun) return 'dropped';
    await this.#storage.turn();
    const gone = await tags.deleteAs(repository, judged, 'retention');
    return gone ? 'dropped' : 'changed';
  }
}
