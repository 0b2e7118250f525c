import { keys } from './keys.ts';
import type { Records, Stored } from './records.ts';
import type { ReferrerStore } from './referrer-store.ts';
import type { StoredManifest } from './stored-manifest.ts';
import type { Guard, TagStore } from './tag-store.ts';

/** The subject of a manifest, if it has one. */
export type SubjectOf = (manifest: StoredManifest) => string | undefined;

/** What went. */
export interface RemovedManifest {
  readonly manifest: StoredManifest;
  /** The tags that went with it. */
  readonly tags: readonly string[];
}

/** What is removed. */
export interface Removal {
  readonly repository: string;
  readonly digest: string;
  readonly subjectOf: SubjectOf;
}

/** The order in which a manifest goes, and what hangs on it before. */
export class ManifestRemoval {
  readonly #records: Records<StoredManifest>;
  readonly #tags: TagStore;
  readonly #referrers: ReferrerStore;
  readonly #keepsDeleted: boolean;

  /** With `keepsDeleted`, what a client deletes can be restored. */
  constructor(
    records: Records<StoredManifest>,
    near: { readonly tags: TagStore; readonly referrers: ReferrerStore },
    keepsDeleted: boolean,
  ) {
    this.#records = records;
    this.#tags = near.tags;
    this.#referrers = near.referrers;
    this.#keepsDeleted = keepsDeleted;
  }

  /**
   * Removes a manifest, its tags and its entry among the referrers of its subject; `undefined` when there was none.
   *
   * The order: a mark, which tells a put of the same manifest to write it again; its tags; its referrers entry; the
   * manifest, which is said to be deleted, and so absent for everybody, or goes at once where nothing is to be restored.
   * A tag or entry goes by the version that has been read, and only if it is of the life that has been marked, or the
   * mark still stood after it was read: what a later put has set is not taken away.
   * A guard is asked once the mark stands, from when on no tag is set that would go with it, and before the first one
   * goes; when it is against it, the mark is taken back.
   * @throws RegistryError what the guard throws.
   */
  async delete(
    { repository, digest, subjectOf }: Removal,
    { actor, guard }: { readonly actor?: string | undefined; readonly guard?: Guard | undefined },
  ): Promise<RemovedManifest | undefined> {
    guard?.({ action: 'delete', kind: 'manifest', repository, digest });
    const key = keys.manifest(repository, digest);
    const marked = await this.#records.update(key, (current) =>
      current === undefined || current.deleting
        ? undefined
        : { ...current, deleting: true, condemned: undefined },
    );
    if (marked === undefined || marked.value.deleted !== undefined) return undefined;
    const isDoomed = this.#isDoomedWith(key, marked);
    if (guard !== undefined) await this.#assertGranted(key, marked, guard);
    const tags = await this.#tags.deleteAllOf(repository, digest, isDoomed, actor);
    const subject = subjectOf(marked.value);
    if (subject !== undefined) await this.#referrers.remove(repository, subject, digest, isDoomed);
    // One that collection was removing is not the client's to keep: what it refers to may be half gone.
    if (this.#keepsDeleted && marked.value.condemned === undefined)
      await this.#records.replace(key, { ...marked.value, deleted: Date.now() }, marked);
    else await this.#records.delete(key, marked);
    return { manifest: marked.value, tags };
  }

  /** Once the mark stands: no tag of this life is set any more that would not be seen. */
  async #assertGranted(key: string, marked: Stored<StoredManifest>, guard: Guard): Promise<void> {
    try {
      await this.#tags.guardAllOf(keys.holderOf(key), marked.value.digest, guard);
    } catch (error) {
      await this.#records.replace(key, { ...marked.value, deleting: false }, marked);
      throw error;
    }
  }

  /**
   * Removes a manifest that collection condemned at this moment, unless somebody has asked for it or pushed it since.
   * Whether it did. The order is that of {@link delete}; there are no tags to look for, since setting one is a push.
   */
  async collect({ repository, digest, subjectOf }: Removal, condemned: number): Promise<boolean> {
    const key = keys.manifest(repository, digest);
    const marked = await this.#records.update(key, (current) =>
      current?.condemned !== condemned || current.deleting ? undefined : { ...current, deleting: true },
    );
    if (marked?.value.condemned !== condemned || !marked.value.deleting) return false;
    const subject = subjectOf(marked.value);
    if (subject !== undefined)
      await this.#referrers.remove(repository, subject, digest, this.#isDoomedWith(key, marked));
    return this.#records.delete(key, marked);
  }

  /** Whether what belongs to this life of a manifest goes with a version of it that is marked as being deleted. */
  #isDoomedWith(
    key: string,
    { value, object }: Stored<StoredManifest>,
  ): (incarnation: string) => Promise<boolean> {
    return async (incarnation) =>
      incarnation === value.incarnation || (await this.#records.read(key))?.object.etag === object.etag;
  }
}
