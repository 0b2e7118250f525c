import { isRegistryError } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { isDigest, splitDigest } from '../digest.ts';
import type { Logger } from '../log.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import { forEachLimited, mapLimited } from '../store/concurrency.ts';
import { createStore, type Store } from '../store/index.ts';
import { isForeign, type Presence } from '../store/manifest-store.ts';
import type { StoredManifest } from '../store/stored-manifest.ts';
import { joinHistories, type TagChange } from '../store/tag-record.ts';
import { openStorage } from './open-storage.ts';

const AT_ONCE = 32;

/** A change of a tag, and what has become of the manifest since. */
export interface PastChange extends TagChange {
  readonly manifest: Presence;
}

/** What has been restored. */
export interface Restored {
  readonly digest: string;
  /** The tags that point at it again. */
  readonly tags: readonly string[];
  /** Tags that went with it and have been set to something else since: they stay as they are. */
  readonly taken: readonly string[];
  /** Manifests that were absent and are there again, the children of an index before it. */
  readonly manifests: readonly string[];
}

export interface UndoOptions {
  readonly mayLack: ResolvedConfig['manifests']['mayLack'];
  /** Who does it, for the history of tags. */
  readonly actor: string;
}

/**
 * Brings back what was deleted or overwritten. It is pushed anew, from what storage has kept: so all that holds for a
 * push holds here, beside registries that serve and collection that runs.
 */
export class Undo {
  readonly #store: Store;
  readonly #options: UndoOptions;

  constructor(store: Store, options: UndoOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** What is remembered of a tag, whether it is there or not, the newest first; empty when nothing is. */
  async history(repository: string, tag: string): Promise<readonly PastChange[]> {
    const changes = await this.#changes(repository, tag);
    const digests = [...new Set(changes.map(({ digest }) => digest))];
    const presences = await mapLimited(digests, AT_ONCE, (digest) =>
      this.#store.manifests.presence(repository, digest),
    );
    const known = new Map(digests.map((digest, index) => [digest, presences[index] ?? 'gone']));
    return changes.map((change) => ({ ...change, manifest: known.get(change.digest) ?? 'gone' }));
  }

  /**
   * What the tag pointed at, at this moment; milliseconds since 1970.
   * @throws Error when it was not there then, or nobody remembers.
   */
  async digestAt(repository: string, tag: string, at: number): Promise<string> {
    const changes = await this.#changes(repository, tag);
    // What has been imported from another registry has no time.
    const change = changes.find((each) => each.at > 0 && each.at <= at);
    if (change === undefined) throw new Error(`what ${repository}:${tag} pointed at then is not remembered`);
    if (change.deleted !== undefined) throw new Error(`${repository}:${tag} was deleted at that time`);
    return change.digest;
  }

  /** Points the tag at a manifest that is there or can be restored. @throws Error when it cannot be. */
  restoreTag(repository: string, tag: string, digest: string): Promise<Restored> {
    return this.#restore(repository, digest, [tag], { overwrites: true });
  }

  /** Brings a deleted tag back to what it pointed at. @throws Error when it is there, or cannot be restored. */
  async undeleteTag(repository: string, tag: string): Promise<Restored> {
    const present = await this.#store.tags.get(repository, tag);
    if (present !== undefined)
      throw new Error(
        `${repository}:${tag} is there; registry tag restore brings it back to what it was before`,
      );
    const [deletion] = await this.#changes(repository, tag);
    if (deletion === undefined) throw new Error(`nothing is remembered of ${repository}:${tag}`);
    return this.#restore(repository, deletion.digest, [tag], { overwrites: false });
  }

  /** Brings a deleted manifest back, and the tags that went with it. @throws Error when it cannot be restored. */
  async undeleteManifest(repository: string, digest: string): Promise<Restored> {
    const tags: string[] = [];
    for await (const page of this.#store.deletedTags.of(repository)) {
      const went = page.filter(
        ({ history: [last] }) => last?.deleted === 'manifest' && last.digest === digest,
      );
      tags.push(...went.map(({ tag }) => tag));
    }
    return this.#restore(repository, digest, tags, { overwrites: false });
  }

  async #changes(repository: string, tag: string): Promise<readonly TagChange[]> {
    // The tag first: it goes after its past has been kept.
    const present = await this.#store.tags.get(repository, tag);
    const past = await this.#store.deletedTags.get(repository, tag);
    return joinHistories(present?.history ?? [], past?.history ?? []);
  }

  async #restore(
    repository: string,
    digest: string,
    tags: readonly string[],
    { overwrites }: { readonly overwrites: boolean },
  ): Promise<Restored> {
    const manifests: string[] = [];
    const manifest = await this.#revive(repository, digest, manifests);
    const set: string[] = [];
    const taken: string[] = [];
    for (const tag of tags) {
      try {
        await this.#put(repository, manifest, [tag], overwrites);
        set.push(tag);
      } catch (error) {
        if (overwrites || !isRegistryError(error) || error.status !== 412) throw error;
        taken.push(tag);
      }
    }
    return { digest, tags: set, taken, manifests };
  }

  /** Makes the manifest present, with all it needs before it: what an index lists, and the blobs of an image. */
  async #revive(repository: string, digest: string, revived: string[]): Promise<ParsedManifest> {
    const { manifests } = this.#store;
    const there = await manifests.get(repository, digest);
    const found = there ?? (await manifests.getDeleted(repository, digest));
    if (found === undefined)
      throw new Error(`${repository}@${digest} is not there, and cannot be restored any more`);
    const parsed = parseStored(found);
    if (there !== undefined) return parsed;
    for (const child of parsed.manifests) {
      if (!isDigest(child.digest)) continue;
      if ((await manifests.getDeleted(repository, child.digest)) !== undefined)
        await this.#revive(repository, child.digest, revived);
    }
    await this.#relink(repository, parsed);
    await this.#put(repository, parsed, [], true);
    revived.push(digest);
    return parsed;
  }

  /**
   * Lets the repository read again what it has had and what a client has taken from it since. A manifest that was
   * accepted unchecked gives no such right.
   */
  async #relink(repository: string, { blobs }: ParsedManifest): Promise<void> {
    if (this.#options.mayLack === 'anything') return;
    const own = blobs.filter((blob) => !isForeign(blob) && isDigest(blob.digest));
    await forEachLimited(own, AT_ONCE, async ({ digest }) => {
      if ((await this.#store.blobs.find(repository, digest)) === undefined)
        await this.#store.blobs.mountFromAnywhere(repository, digest);
    });
  }

  async #put(
    repository: string,
    manifest: ParsedManifest,
    tags: readonly string[],
    overwrites: boolean,
  ): Promise<void> {
    const { mayLack, actor } = this.#options;
    const isFree = (current: string | undefined): boolean =>
      current === undefined || current === manifest.digest;
    const condition = overwrites ? undefined : isFree;
    await this.#store.manifests.put(repository, manifest, { tags, actor, mayLack, condition });
  }
}

/** {@link Undo} on the storage of a registry, which may be running elsewhere. */
export interface OpenUndo {
  readonly undo: Undo;
  close(): Promise<void>;
}

/** @throws Error when the storage cannot be opened. */
export async function openUndo(
  config: ResolvedConfig,
  { log, actor }: { readonly log: Logger; readonly actor: string },
): Promise<OpenUndo> {
  const storage = await openStorage(config, log);
  const store = createStore(storage.driver, {
    log,
    uploads: { maxAge: config.uploads.maxAge * 1000, maxConcurrent: config.uploads.maxConcurrent },
    manifestCacheBytes: config.cache.manifestBytes,
    blobCacheBytes: config.cache.blobBytes,
    keepsDeleted: config.gc.restoreWindow > 0,
  });
  return {
    undo: new Undo(store, { mayLack: config.manifests.mayLack, actor }),
    close: () => storage.close(),
  };
}

function parseStored({ bytes, mediaType, digest }: StoredManifest): ParsedManifest {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
}
