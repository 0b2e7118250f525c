import { RegistryError, type ContentChange, type JudgedTag, type StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from './concurrency.ts';
import type { DeletedTags } from './deleted-tags.ts';
import { keys } from './keys.ts';
import { listAll, listNames, type NamePage, type PageRequest } from './listing.ts';
import { Records, type RecordsOptions, type Seen } from './records.ts';
import {
  nextTagRecord,
  tagRecordFormat,
  type TagChange,
  type TagRecord,
  type TagTarget,
} from './tag-record.ts';

/** What a conditional request demands of a tag as it is (RFC 9110, 13.1): `undefined` of one that does not exist. */
export type TagCondition = (current: string | undefined) => boolean;

/** A change of what is there, as {@link Guard}s see it. */
export type GuardedChange = Omit<ContentChange, 'identity'>;

/** Asked at the very moment of a change, about what is there then. @throws RegistryError when it is not to be. */
export type Guard = (change: GuardedChange) => void;

/** How something is to be deleted. */
export interface Deletion {
  readonly condition?: TagCondition | undefined;
  readonly actor?: string | undefined;
  readonly guard?: Guard | undefined;
}

/** How a tag is to be set. */
export interface TagSetting {
  readonly actor: string | undefined;
  readonly condition: TagCondition | undefined;
  readonly guard?: Guard | undefined;
  /** What one that is new here pointed at elsewhere. */
  readonly past?: TagRecord['history'] | undefined;
}

/** Tags read at once when all of a repository are looked through. */
const READS_AT_ONCE = 32;

/** Names for manifests. Each is one record, so no two tags ever get into each other's way. */
export class TagStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<TagRecord>;
  /** Keeps what is deleted; `undefined` when it is not to be restored. */
  readonly #deleted: DeletedTags | undefined;

  constructor(
    driver: StorageDriver,
    { deleted, ...options }: RecordsOptions & { readonly deleted: DeletedTags | undefined },
  ) {
    this.#driver = driver;
    this.#records = new Records(driver, tagRecordFormat, options);
    this.#deleted = deleted;
  }

  async get(repository: string, tag: string): Promise<TagRecord | undefined> {
    return (await this.#records.read(keys.tag(repository, tag)))?.value;
  }

  /** What {@link set} may begin with. */
  see(repository: string, tag: string): Promise<Seen<TagRecord>> {
    return this.#records.see(keys.tag(repository, tag));
  }

  /**
   * Points the tag at a manifest that is already there. Gives the digest it pointed at before. A tag that points there
   * already, since the manifest's present life began, stays as it is, history and all. With `seen`, what it was a moment
   * ago, it is not asked for first.
   * @throws RegistryError 412 when `condition` does not hold at the very moment of the change; what `guard` throws then.
   */
  async set(
    repository: string,
    tag: string,
    target: TagTarget,
    { actor, condition, guard, past }: TagSetting,
    seen?: Seen<TagRecord>,
  ): Promise<string | undefined> {
    const made = { at: Date.now(), ...(actor === undefined ? {} : { actor }) };
    let previous: string | undefined;
    const change = (current: TagRecord | undefined): TagRecord | undefined => {
      if (condition !== undefined && !condition(current?.digest))
        throw preconditionFailed(tag, current?.digest);
      guard?.(settingOf(repository, tag, target.digest, current?.digest));
      previous = current?.digest;
      return current !== undefined && isSame(current, target)
        ? undefined
        : nextTagRecord(current, target, made, past);
    };
    await this.#records.update(keys.tag(repository, tag), change, seen);
    return previous;
  }

  /**
   * Removes the tag; the manifest stays. Gives what it pointed at, `undefined` when there was no such tag.
   *
   * The order: its past is kept, then it goes, by the version that has been read. A crash in between, or a tag that is
   * moved in between, leaves a note of a deletion that has not happened, which counts for nothing beside the tag.
   * @throws RegistryError 412 when `condition` does not hold at the very moment of the change; what `guard` throws then.
   */
  async delete(
    repository: string,
    tag: string,
    { condition, actor, guard }: Deletion = {},
  ): Promise<TagRecord | undefined> {
    const key = keys.tag(repository, tag);
    for (;;) {
      const [current, seen] = await Promise.all([
        this.#records.read(key),
        this.#deleted?.see(repository, tag),
      ]);
      if (condition !== undefined && !condition(current?.value.digest)) {
        throw preconditionFailed(tag, current?.value.digest);
      }
      if (current === undefined) return undefined;
      guard?.({ action: 'delete', kind: 'tag', repository, tag, digest: current.value.digest });
      await this.#deleted?.note(repository, tag, current.value, by(actor, 'tag'), seen);
      if (await this.#records.delete(key, current)) return current.value;
    }
  }

  /**
   * Removes the tag if it still points at `digest`, and has done so since `pushed`, milliseconds since 1970. Whether it
   * did. The order is that of {@link delete}.
   */
  async deleteAs(
    repository: string,
    { tag, digest, pushed }: JudgedTag,
    actor: string | undefined,
  ): Promise<boolean> {
    const key = keys.tag(repository, tag);
    const current = await this.#records.read(key);
    if (current?.value.digest !== digest || current.value.history[0]?.at !== pushed) return false;
    await this.#deleted?.note(repository, tag, current.value, by(actor, 'tag'));
    return this.#records.delete(key, current);
  }

  /**
   * Asks the guard whether every tag that points at `digest` may go.
   * @throws RegistryError what the guard throws.
   */
  async guardAllOf(repository: string, digest: string, guard: Guard): Promise<void> {
    for await (const page of listAll(this.#driver, keys.tags(repository))) {
      await mapLimited(page, READS_AT_ONCE, async (key) => {
        const current = await this.#records.read(key);
        if (current?.value.digest !== digest) return;
        guard({ action: 'delete', kind: 'tag', repository, tag: keys.tagOf(key), digest });
      });
    }
  }

  /**
   * Removes every tag that points at `digest`, unless `isDoomed` says no, which is asked after the tag has been read
   * and gets the life of the manifest in which it was set. Gives their names. The order is that of {@link delete}.
   */
  async deleteAllOf(
    repository: string,
    digest: string,
    isDoomed: (incarnation: string) => Promise<boolean>,
    actor: string | undefined,
  ): Promise<string[]> {
    const tags: string[] = [];
    for await (const page of listAll(this.#driver, keys.tags(repository))) {
      await mapLimited(page, READS_AT_ONCE, async (key) => {
        const current = await this.#records.read(key);
        if (current?.value.digest !== digest || !(await isDoomed(current.value.incarnation))) return;
        const tag = keys.tagOf(key);
        await this.#deleted?.note(repository, tag, current.value, by(actor, 'manifest'));
        if (await this.#records.delete(key, current)) tags.push(tag);
      });
    }
    return tags;
  }

  /** Names of tags, in byte order. */
  list(repository: string, page: PageRequest): Promise<NamePage> {
    return listNames(this.#driver, keys.tags(repository), keys.tagOf, page);
  }
}

function by(actor: string | undefined, deleted: TagChange['deleted']): Pick<TagChange, 'actor' | 'deleted'> {
  return { ...(actor === undefined ? {} : { actor }), deleted };
}

function isSame(current: TagTarget, target: TagTarget): boolean {
  return (
    current.digest === target.digest &&
    current.mediaType === target.mediaType &&
    current.incarnation === target.incarnation
  );
}

/** The change that setting a tag is. */
export function settingOf(
  repository: string,
  tag: string,
  digest: string,
  previous: string | undefined,
): GuardedChange {
  const before = previous === undefined ? {} : { previousDigest: previous };
  return { action: 'set', kind: 'tag', repository, tag, digest, ...before };
}

function preconditionFailed(tag: string, current: string | undefined): RegistryError {
  const now = current === undefined ? 'does not exist' : `points at ${current}`;
  return new RegistryError('DENIED', `precondition failed: the tag '${tag}' ${now}`, { status: 412 });
}
