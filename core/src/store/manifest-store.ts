import { RegistryError, type Descriptor, type StorageDriver } from '@entrepot/plugin-sdk';
import { isDigest } from '../digest.ts';
import type { ParsedManifest } from '../manifest/parse-manifest.ts';
import type { BlobStore } from './blob-store.ts';
import type { CatalogStore, Marker } from './catalog-store.ts';
import { filterLimited, mapLimited } from './concurrency.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';
import { ManifestRemoval, type RemovedManifest, type SubjectOf } from './manifest-removal.ts';
import { Records, type RecordsOptions, type Seen } from './records.ts';
import type { ReferrerStore } from './referrer-store.ts';
import { isAbsent, manifestFormat, type StoredManifest } from './stored-manifest.ts';
import type { TagRecord } from './tag-record.ts';
import { settingOf, type Deletion, type Guard, type TagCondition, type TagStore } from './tag-store.ts';

export interface ManifestPut {
  readonly tags: readonly string[];
  readonly actor: string | undefined;
  /** What it may refer to although it is absent: nothing, the children of an index, or anything. */
  readonly mayLack: 'nothing' | 'children' | 'anything';
  /** What has to hold for each tag; for a push by digest alone, for the manifest. */
  readonly condition: TagCondition | undefined;
  /** Asked before anything is stored, and once more at the very moment at which a tag is set. */
  readonly guard?: Guard | undefined;
  /** What tags that are new here pointed at elsewhere. */
  readonly past?: TagRecord['history'] | undefined;
}

/** What a put did to a tag. */
export interface TaggedManifest {
  readonly tag: string;
  readonly previous: string | undefined;
}

/** The stores a manifest ties together. */
export interface ManifestNeighbours {
  readonly blobs: BlobStore;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
  readonly catalog: CatalogStore;
}

/** What has become of a manifest: with `deleted` it can be restored. */
export type Presence = 'there' | 'deleted' | 'gone';

/** What storage had a moment ago where a put writes. Each write is refused where that no longer stands. */
interface Before {
  readonly manifest: Seen<StoredManifest>;
  readonly repository: Seen<Marker>;
  /** In the order of the tags. */
  readonly tags: readonly Seen<TagRecord>[];
}

/** A put relies on what it has checked for this long; milliseconds. Collection waits many times longer. */
const COMMIT_DEADLINE = 60_000;
const CHECKS_AT_ONCE = 128;
/** Missing blobs, and missing children, after which a refusal is certain enough: a manifest may name 40,000. */
const MAX_MISSING = 100;

/** Manifests of repositories, and the order in which they and what hangs on them appear and go. */
export class ManifestStore {
  readonly #records: Records<StoredManifest>;
  readonly #near: ManifestNeighbours;
  readonly #removal: ManifestRemoval;

  /** With `keepsDeleted`, what clients delete can be restored. */
  constructor(
    driver: StorageDriver,
    near: ManifestNeighbours,
    { keepsDeleted, ...options }: RecordsOptions & { readonly keepsDeleted: boolean },
  ) {
    this.#records = new Records(driver, manifestFormat, options);
    this.#near = near;
    this.#removal = new ManifestRemoval(this.#records, near, keepsDeleted);
  }

  /**
   * The manifest, if it is there. Being found is a promise that lasts longer than a push: one that collection had
   * condemned is rescued first.
   */
  async get(repository: string, digest: string): Promise<StoredManifest | undefined> {
    const key = keys.manifest(repository, digest);
    let found = await this.#records.read(key);
    if (found?.value.condemned !== undefined)
      found = await this.#records.update(key, (current) =>
        current === undefined || current.deleting ? undefined : rescued(current),
      );
    if (found === undefined || isAbsent(found.value)) return undefined;
    return found.value.digest === digest ? found.value : undefined;
  }

  /**
   * The manifest that a tag has just been found to point at. A tag goes before its manifest does, so bytes that are
   * remembered need not be asked for again.
   */
  async getTagged(repository: string, digest: string): Promise<StoredManifest | undefined> {
    const remembered = this.#records.remembered(keys.manifest(repository, digest));
    return remembered === undefined || isAbsent(remembered) ? this.get(repository, digest) : remembered;
  }

  /** Whether the manifest is there, can be restored, or neither. Nobody is promised anything. */
  async presence(repository: string, digest: string): Promise<Presence> {
    const found = await this.#records.read(keys.manifest(repository, digest));
    if (found === undefined) return 'gone';
    if (!isAbsent(found.value)) return 'there';
    return found.value.deleted === undefined ? 'gone' : 'deleted';
  }

  /** The manifest, if it has been deleted and can still be restored. */
  async getDeleted(repository: string, digest: string): Promise<StoredManifest | undefined> {
    const found = await this.#records.read(keys.manifest(repository, digest));
    return found?.value.deleted === undefined ? undefined : found.value;
  }

  /**
   * Stores a manifest and points tags at it.
   *
   * The order: everything it refers to is checked; then the manifest, and the repository's place in the catalog; then
   * its entry among the referrers of its subject; then its tags, so that a tag never points at nothing. A crash
   * anywhere leaves a manifest that nobody was promised, and all that is visible is whole.
   * A delete of the same manifest marks it first and removes its tags before itself; a put therefore looks once more,
   * after its tags are set, whether the manifest stands unmarked in the same life, and writes again what a delete has
   * taken. What it writes begins a new life of the manifest, and tags and entries of an earlier one are written anew,
   * so that a delete that has seen them before no longer knows them by their version.
   * A put that dies between its tag and that second look, when a delete took the manifest in between, leaves a tag that
   * leads nowhere; setting or deleting the tag ends that.
   *
   * @throws RegistryError `MANIFEST_BLOB_UNKNOWN` with the digests that are missing, of many about a hundred; 412 when the condition does not hold.
   */
  async put(repository: string, manifest: ParsedManifest, put: ManifestPut): Promise<TaggedManifest[]> {
    const { digest, mediaType, subject } = manifest;
    const { length: size } = manifest.bytes;
    if (put.tags.length === 0) await this.#assertCondition(repository, digest, put.condition);

    let [checked, before] = await Promise.all([
      this.#check(repository, manifest, put.mayLack),
      this.#see(repository, digest, put.tags),
    ]);
    for (const [index, tag] of put.tags.entries())
      put.guard?.(settingOf(repository, tag, digest, before.tags[index]?.stored?.value.digest));
    const done = new Map<string, string | undefined>();
    for (;;) {
      if (performance.now() - checked > COMMIT_DEADLINE)
        checked = await this.#check(repository, manifest, put.mayLack);
      const [incarnation] = await Promise.all([
        this.#write(repository, manifest, before.manifest),
        this.#near.catalog.add(repository, before.repository),
      ]);
      if (subject !== undefined) {
        await this.#near.referrers.add(repository, subject.digest, referrerOf(manifest), incarnation);
      }
      const target = { digest, mediaType, size, incarnation };
      for (const [index, tag] of put.tags.entries()) {
        const condition = done.has(tag) ? undefined : put.condition;
        const options = { actor: put.actor, condition, guard: put.guard, past: put.past };
        const previous = await this.#near.tags.set(repository, tag, target, options, before.tags[index]);
        if (!done.has(tag)) done.set(tag, previous);
      }
      // Nothing hangs on it that a delete could have missed: one that has come since has come after this put.
      if (put.tags.length === 0 && subject === undefined) break;
      const confirmed = await this.get(repository, digest);
      if (confirmed?.incarnation === incarnation && !confirmed.deleting) break;
      before = await this.#see(repository, digest, put.tags);
    }
    return [...done].map(([tag, previous]) => ({ tag, previous }));
  }

  /**
   * Removes a manifest, its tags and its entry among the referrers of its subject. Gives the manifest and the tags
   * that went with it; `undefined` when there was none.
   * @throws RegistryError 412 when the condition does not hold; what the guard throws.
   */
  async delete(
    repository: string,
    digest: string,
    subjectOf: SubjectOf,
    { condition, ...how }: Deletion = {},
  ): Promise<RemovedManifest | undefined> {
    await this.#assertCondition(repository, digest, condition);
    return this.#removal.delete({ repository, digest, subjectOf }, how);
  }

  /** Removes a manifest that collection condemned at this moment, unless somebody has needed it since. Whether it did. */
  collect(repository: string, digest: string, condemned: number, subjectOf: SubjectOf): Promise<boolean> {
    return this.#removal.collect({ repository, digest, subjectOf }, condemned);
  }

  /** What a put is about to write, as it stands: asked at once, and before the order of the writes begins. */
  async #see(repository: string, digest: string, tags: readonly string[]): Promise<Before> {
    const [manifest, seenRepository, seenTags] = await Promise.all([
      this.#records.see(keys.manifest(repository, digest)),
      this.#near.catalog.see(repository),
      mapLimited(tags, CHECKS_AT_ONCE, (tag) => this.#near.tags.see(repository, tag)),
    ]);
    return { manifest, repository: seenRepository, tags: seenTags };
  }

  /** Writes the manifest unless it stands already, sound and unmarked. Gives the life it then is in. */
  async #write(
    repository: string,
    { digest, mediaType, bytes }: ParsedManifest,
    seen: Seen<StoredManifest>,
  ): Promise<string> {
    const anew = { digest, mediaType, bytes: bufferOf(bytes), incarnation: newId(), deleting: false };
    const change = (current: StoredManifest | undefined): StoredManifest | undefined => {
      if (current?.digest !== digest || current.deleting) return anew;
      if (current.mediaType !== mediaType) return { ...anew, incarnation: current.incarnation };
      return rescued(current);
    };
    const written = await this.#records.update(keys.manifest(repository, digest), change, seen);
    return written?.value.incarnation ?? anew.incarnation;
  }

  /** Gives when the check began. */
  async #check(
    repository: string,
    manifest: ParsedManifest,
    mayLack: ManifestPut['mayLack'],
  ): Promise<number> {
    const began = performance.now();
    if (mayLack === 'anything') return began;
    const blobs = new Set(manifest.blobs.filter((blob) => !isForeign(blob)).map((blob) => blob.digest));
    const missing = await this.#near.blobs.missing(repository, blobs, MAX_MISSING);
    if (mayLack === 'nothing') {
      const children = new Set(manifest.manifests.map((child) => child.digest));
      const limits = { limit: CHECKS_AT_ONCE, most: MAX_MISSING };
      // One whose deletion has begun still counts: it is served, and whoever deletes it may have died.
      const absent = await filterLimited(
        children,
        limits,
        async (child) => !isDigest(child) || (await this.get(repository, child)) === undefined,
      );
      missing.push(...absent);
    }
    if (missing.length > 0) {
      throw new RegistryError('MANIFEST_BLOB_UNKNOWN', undefined, {
        details: missing.map((digest) => ({ digest })),
      });
    }
    return began;
  }

  async #assertCondition(
    repository: string,
    digest: string,
    condition: TagCondition | undefined,
  ): Promise<void> {
    if (condition === undefined) return;
    const current = await this.get(repository, digest);
    if (condition(current?.digest)) return;
    const now = current === undefined ? 'does not exist' : 'exists';
    throw new RegistryError('DENIED', `precondition failed: the manifest ${now}`, { status: 412 });
  }
}

/** What a manifest becomes that collection had condemned and somebody needs; `undefined` when it may stay as it is. */
function rescued(manifest: StoredManifest): StoredManifest | undefined {
  return manifest.condemned === undefined ? undefined : { ...manifest, condemned: undefined };
}

/** Layers that may be fetched from elsewhere need not be here (OCI image-spec, "Non-Distributable Layers"). */
export function isForeign(blob: Descriptor): boolean {
  return blob.urls !== undefined && blob.urls.length > 0;
}

/** What a referrers list says of a manifest (distribution-spec, "Listing Referrers"). */
export function referrerOf({
  mediaType,
  digest,
  bytes,
  artifactType,
  annotations,
}: ParsedManifest): Descriptor {
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
