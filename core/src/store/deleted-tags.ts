import type { StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from './concurrency.ts';
import { keys } from './keys.ts';
import { listAll } from './listing.ts';
import { jsonFormat, Records, type RecordFormat, type RecordsOptions, type Seen } from './records.ts';
import { historyIn, joinHistories, MAX_HISTORY, type TagChange, type TagRecord } from './tag-record.ts';

/** What is known of a tag that has been deleted. */
export interface DeletedTag {
  /** The newest first; the first is the deletion. */
  readonly history: readonly TagChange[];
}

/** A tag that has been deleted, and what is known of it. */
export interface NamedDeletedTag extends DeletedTag {
  readonly tag: string;
}

const READS_AT_ONCE = 32;

export const deletedTagFormat: RecordFormat<DeletedTag> = jsonFormat((json) => {
  const history = historyIn(json);
  return history[0]?.deleted === undefined ? undefined : { history };
});

/**
 * The past of tags that have been deleted, beside the tags themselves, whose list stays what it is. A tag that is set
 * again begins a history of its own: what it was before is still here, until collection has taken it.
 */
export class DeletedTags {
  readonly #driver: StorageDriver;
  readonly #records: Records<DeletedTag>;

  constructor(driver: StorageDriver, options: RecordsOptions) {
    this.#driver = driver;
    this.#records = new Records(driver, deletedTagFormat, options);
  }

  async get(repository: string, tag: string): Promise<DeletedTag | undefined> {
    return (await this.#records.read(keys.deletedTag(repository, tag)))?.value;
  }

  /** What {@link note} may begin with. */
  see(repository: string, tag: string): Promise<Seen<DeletedTag>> {
    return this.#records.see(keys.deletedTag(repository, tag));
  }

  /** Notes that the tag, as `current` has it, is about to be deleted. */
  async note(
    repository: string,
    tag: string,
    current: TagRecord,
    deletion: Pick<TagChange, 'actor' | 'deleted'>,
    seen?: Seen<DeletedTag>,
  ): Promise<void> {
    const change: TagChange = { ...deletion, digest: current.digest, at: Date.now() };
    await this.#records.update(
      keys.deletedTag(repository, tag),
      (past) => ({
        history: [change, ...joinHistories(current.history, past?.history ?? [])].slice(0, MAX_HISTORY),
      }),
      seen,
    );
  }

  /** All of a repository, a page at a time, in the order of their names. */
  async *of(repository: string): AsyncGenerator<readonly NamedDeletedTag[]> {
    for await (const page of listAll(this.#driver, keys.deletedTagsOf(repository))) {
      const found = await mapLimited(page, READS_AT_ONCE, async (key) => {
        const record = await this.#records.read(key);
        return record === undefined ? [] : [{ tag: keys.tagOf(key), ...record.value }];
      });
      yield found.flat();
    }
  }
}
