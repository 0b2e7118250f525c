import { isRegistryError, type StorageDriver } from '@entrepot/plugin-sdk';
import { blobRecordFormat, type BlobRecord } from '../blob-records.ts';
import { AT_ONCE, PacedStorage } from '../collect/paced-storage.ts';
import { referencesOf, type ParseManifest } from '../collect/references.ts';
import { repositoryKeys } from '../collect/repository-keys.ts';
import { filterLimited, forEachLimited } from '../concurrency.ts';
import { deletedTagFormat } from '../deleted-tags.ts';
import { timeOf } from '../ids.ts';
import { keys } from '../keys.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { digestsSince, tagRecordFormat } from '../tag-record.ts';
import { manifestDigest } from '../verify/places.ts';
import { Holders, type ReasonRules, type Reasons, type State } from './reasons.ts';

/**
 * Finds out why something is stored, and until when. It reads past everything that being asked for would change: a HEAD
 * would take a condemnation back. Memory does not grow with what is stored.
 */
export class Explanation {
  readonly #storage: PacedStorage;
  readonly #rules: ReasonRules;
  readonly #parse: ParseManifest;

  constructor(driver: StorageDriver, rules: ReasonRules, parse: ParseManifest) {
    this.#storage = new PacedStorage(driver, {});
    this.#rules = rules;
    this.#parse = parse;
  }

  /** Why a repository has the manifest with this digest, or the blob when it has no such manifest. */
  async of(repository: string, digest: string): Promise<Reasons> {
    const found = await this.#storage.read(manifestFormat, keys.manifest(repository, digest));
    if (found !== undefined)
      return this.#manifest(repository, digest, found.value, found.object.bytes.length);
    if ((await this.#storage.size(keys.link(repository, digest))) !== undefined) return this.blob(digest);
    return nothing('manifest', digest, repository);
  }

  /** Why the registry has this blob. */
  async blob(digest: string): Promise<Reasons> {
    const found = await this.#storage.read(blobRecordFormat, keys.record(digest));
    if (found === undefined) return nothing('blob', digest);
    const linked = await this.#repositoriesWith(digest);
    const holders = new Holders();
    for (const repository of linked)
      for await (const page of this.#storage.pages(keys.manifests(repository)))
        await this.#noteReferences(page, digest, holders);
    // Manifests may also refer to what their repository cannot read any more: such a one keeps the blob all the same.
    if (holders.count === 0)
      for await (const page of repositoryKeys(this.#storage, 'manifests'))
        await this.#noteReferences(page, digest, holders);
    return {
      kind: 'blob',
      digest,
      state: found.value?.state ?? 'damaged',
      size: found.value?.size,
      repositories: linked.length,
      holders: holders.count,
      heldBy: holders.named,
      ...this.#timesOfBlob(found.value, holders.isHeld),
    };
  }

  async #repositoriesWith(digest: string): Promise<readonly string[]> {
    const linked: string[] = [];
    for await (const page of this.#storage.pages(keys.catalog)) {
      const names = page.map((key) => keys.repositoryOf(key));
      const isLinked = async (name: string): Promise<boolean> =>
        (await this.#storage.size(keys.link(name, digest))) !== undefined;
      linked.push(...(await filterLimited(names, { limit: AT_ONCE, most: names.length }, isLinked)));
    }
    return linked.sort();
  }

  async #noteReferences(page: readonly string[], digest: string, holders: Holders): Promise<void> {
    await forEachLimited(page, AT_ONCE, async (key) => {
      const found = await this.#storage.read(manifestFormat, key);
      if (found === undefined) return;
      const repository = keys.holderOf(key);
      const own = manifestDigest(repository, key);
      const { digests } = referencesOf(found.value, found.object.bytes, this.#parse);
      if (own !== undefined && digests.includes(digest))
        holders.add({ kind: 'manifest', repository, digest: own });
    });
  }

  /** As BlobCollection decides. */
  #timesOfBlob(record: BlobRecord | undefined, isHeld: boolean): Pick<Reasons, 'promisedUntil' | 'goes'> {
    const stays = { promisedUntil: undefined, goes: undefined };
    if (record === undefined) return stays;
    const { grace } = this.#rules;
    const now = Date.now();
    if (record.state === 'deleting') return { ...stays, goes: now };
    const promised = record.since + grace;
    if (record.state === 'condemned') return isHeld ? stays : { ...stays, goes: Math.max(promised, now) };
    const promisedUntil = promised > now ? promised : undefined;
    return { promisedUntil, goes: isHeld ? undefined : Math.max(promised, now) + grace };
  }

  async #manifest(
    repository: string,
    digest: string,
    manifest: StoredManifest | undefined,
    stored: number,
  ): Promise<Reasons> {
    const holders = new Holders();
    await this.#noteTags(repository, digest, holders);
    await this.#noteIndexes(repository, digest, holders);
    if (manifest !== undefined) await this.#noteSubject(repository, manifest, holders);
    return {
      kind: 'manifest',
      digest,
      repository,
      state: stateOf(manifest),
      size: manifest?.bytes.length ?? stored,
      holders: holders.count,
      heldBy: holders.named,
      ...this.#timesOfManifest(manifest, holders),
    };
  }

  async #noteTags(repository: string, digest: string, holders: Holders): Promise<void> {
    const since = Date.now() - this.#rules.restoreWindow;
    for await (const page of this.#storage.pages(keys.tags(repository)))
      await forEachLimited(page, AT_ONCE, async (key) => {
        const value = (await this.#storage.read(tagRecordFormat, key))?.value;
        const tag = keys.tagOf(key);
        if (value?.digest === digest) holders.add({ kind: 'tag', tag });
        else if (value !== undefined && digestsSince(value.history, since).includes(digest))
          holders.add({ kind: 'former tag', tag });
      });
    for await (const page of this.#storage.pages(keys.deletedTagsOf(repository)))
      await forEachLimited(page, AT_ONCE, async (key) => {
        const value = (await this.#storage.read(deletedTagFormat, key))?.value;
        if (value !== undefined && digestsSince(value.history, since).includes(digest))
          holders.add({ kind: 'deleted tag', tag: keys.tagOf(key) });
      });
  }

  async #noteIndexes(repository: string, digest: string, holders: Holders): Promise<void> {
    for await (const page of this.#storage.pages(keys.manifests(repository)))
      await forEachLimited(page, AT_ONCE, async (key) => {
        const found = await this.#storage.read(manifestFormat, key);
        const own = manifestDigest(repository, key);
        if (found === undefined || own === undefined || own === digest) return;
        const { children } = referencesOf(found.value, found.object.bytes, this.#parse);
        if (children.includes(digest))
          holders.add({ kind: 'index', digest: own, goes: found.value?.condemned !== undefined });
      });
  }

  async #noteSubject(repository: string, manifest: StoredManifest, holders: Holders): Promise<void> {
    let subject: string | undefined;
    try {
      subject = this.#parse(manifest).subject?.digest;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      // Collection leaves what it cannot read.
      holders.hold();
    }
    if (subject === undefined) return;
    const found = await this.#storage.read(manifestFormat, keys.manifest(repository, subject));
    if (found !== undefined)
      holders.add({ kind: 'subject', digest: subject, goes: found.value?.condemned !== undefined });
  }

  /** As ManifestCollection decides. */
  #timesOfManifest(
    manifest: StoredManifest | undefined,
    { isHeld, count }: Holders,
  ): Pick<Reasons, 'promisedUntil' | 'goes'> {
    const { grace, keepUntagged, restoreWindow } = this.#rules;
    const stays = { promisedUntil: undefined, goes: undefined };
    const now = Date.now();
    if (manifest === undefined) return stays;
    if (manifest.deleted !== undefined)
      return { ...stays, goes: Math.max(manifest.deleted + restoreWindow, now) };
    if (keepUntagged === undefined || isHeld) return stays;
    const settle = Math.max(keepUntagged, grace);
    if (manifest.condemned !== undefined)
      return { ...stays, goes: count > 0 ? undefined : Math.max(manifest.condemned + settle, now) };
    const promised = (timeOf(manifest.incarnation) ?? 0) + grace;
    return {
      promisedUntil: promised > now ? promised : undefined,
      goes: count > 0 ? undefined : Math.max(promised, now) + settle,
    };
  }
}

function stateOf(manifest: StoredManifest | undefined): State {
  if (manifest === undefined) return 'damaged';
  if (manifest.deleted !== undefined) return 'deleted';
  if (manifest.deleting) return 'deleting';
  return manifest.condemned === undefined ? 'live' : 'condemned';
}

function nothing(kind: Reasons['kind'], digest: string, repository?: string): Reasons {
  return {
    kind,
    digest,
    ...(repository === undefined ? {} : { repository }),
    state: 'absent',
    size: undefined,
    holders: 0,
    heldBy: [],
    promisedUntil: undefined,
    goes: undefined,
  };
}
