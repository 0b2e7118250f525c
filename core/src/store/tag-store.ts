import { RegistryError, type Logger, type StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from './concurrency.ts';
import { keys } from './keys.ts';
import { listAll, listNames, type NamePage, type PageRequest } from './listing.ts';
import { Records, type Seen } from './records.ts';
import { nextTagRecord, tagRecordFormat, type TagRecord, type TagTarget } from './tag-record.ts';

/** What a conditional request demands of a tag as it is (RFC 9110, 13.1): `undefined` of one that does not exist. */
export type TagCondition = (current: string | undefined) => boolean;

/** Tags read at once when all of a repository are looked through. */
const READS_AT_ONCE = 32;

/** Names for manifests. Each is one record, so no two tags ever get into each other's way. */
export class TagStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<TagRecord>;

  constructor(driver: StorageDriver, options: { log: Logger; cacheBytes: number }) {
    this.#driver = driver;
    this.#records = new Records(driver, tagRecordFormat, options);
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
   * @throws RegistryError 412 when `condition` does not hold at the very moment of the change.
   */
  async set(
    repository: string,
    tag: string,
    target: TagTarget,
    options: {
      readonly actor: string | undefined;
      readonly condition: TagCondition | undefined;
      /** What one that is new here pointed at elsewhere. */
      readonly past?: TagRecord['history'] | undefined;
    },
    seen?: Seen<TagRecord>,
  ): Promise<string | undefined> {
    const { actor, condition } = options;
    const made = { at: Date.now(), ...(actor === undefined ? {} : { actor }) };
    let previous: string | undefined;
    const change = (current: TagRecord | undefined): TagRecord | undefined => {
      if (condition !== undefined && !condition(current?.digest))
        throw preconditionFailed(tag, current?.digest);
      previous = current?.digest;
      return current !== undefined && isSame(current, target)
        ? undefined
        : nextTagRecord(current, target, made, options.past);
    };
    await this.#records.update(keys.tag(repository, tag), change, seen);
    return previous;
  }

  /**
   * Removes the tag; the manifest stays. Gives what it pointed at, `undefined` when there was no such tag.
   * @throws RegistryError 412 when `condition` does not hold at the very moment of the change.
   */
  async delete(repository: string, tag: string, condition?: TagCondition): Promise<TagRecord | undefined> {
    for (;;) {
      const current = await this.#records.read(keys.tag(repository, tag));
      if (condition !== undefined && !condition(current?.value.digest)) {
        throw preconditionFailed(tag, current?.value.digest);
      }
      if (current === undefined) return undefined;
      if (await this.#records.delete(keys.tag(repository, tag), current)) return current.value;
    }
  }

  /**
   * Removes every tag that points at `digest`, unless `isDoomed` says no, which is asked after the tag has been read
   * and gets the life of the manifest in which it was set. Gives their names.
   */
  async deleteAllOf(
    repository: string,
    digest: string,
    isDoomed: (incarnation: string) => Promise<boolean>,
  ): Promise<string[]> {
    const tags: string[] = [];
    for await (const page of listAll(this.#driver, keys.tags(repository))) {
      await mapLimited(page, READS_AT_ONCE, async (key) => {
        const current = await this.#records.read(key);
        if (current?.value.digest !== digest || !(await isDoomed(current.value.incarnation))) return;
        if (await this.#records.delete(key, current)) tags.push(keys.tagOf(key));
      });
    }
    return tags;
  }

  /** Names of tags, in byte order. */
  list(repository: string, page: PageRequest): Promise<NamePage> {
    return listNames(this.#driver, keys.tags(repository), keys.tagOf, page);
  }
}

function isSame(current: TagTarget, target: TagTarget): boolean {
  return (
    current.digest === target.digest &&
    current.mediaType === target.mediaType &&
    current.incarnation === target.incarnation
  );
}

function preconditionFailed(tag: string, current: string | undefined): RegistryError {
  const now = current === undefined ? 'does not exist' : `points at ${current}`;
  return new RegistryError('DENIED', `precondition failed: the tag '${tag}' ${now}`, { status: 412 });
}
