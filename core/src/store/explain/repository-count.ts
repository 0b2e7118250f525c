import { isRegistryError } from '@entrepot/plugin-sdk';
import { blobLinkFormat } from '../blob-records.ts';
import { AT_ONCE, type Found, type PacedStorage } from '../collect/paced-storage.ts';
import { digestsIn, type ParseManifest } from '../collect/references.ts';
import { forEachLimited } from '../concurrency.ts';
import { keys } from '../keys.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { linkDigest } from '../verify/places.ts';

/** What a repository takes, in bytes: blobs it may read, and its manifests. */
export interface RepositoryUsage {
  readonly repository: string;
  /** All of it, as if nothing were shared. */
  readonly logical: number;
  /** Blobs that another repository may read as well. */
  readonly shared: number;
  /** What no other repository has; `logical` is the sum of this and `shared`. */
  readonly unique: number;
  /** Blobs that no manifest of the repository refers to; part of `logical`. */
  readonly reclaimable: number;
}

export interface CountedWith {
  readonly storage: PacedStorage;
  readonly parse: ParseManifest;
  /** Whether another repository may read the blob. */
  readonly isShared: (digest: string) => boolean;
  /** Hears of whatever a manifest refers to, and of its bytes if it is a blob that the repository may read. */
  readonly note: (digest: string, size: number | undefined) => void;
}

/** Counts one repository, whose links come first, and its manifests after all of them. */
export class RepositoryCount {
  readonly repository: string;
  readonly #with: CountedWith;
  /** Blobs that it may read and that no manifest has referred to so far. */
  readonly #unreferred = new Set<string>();
  #manifests = 0;
  #blobs = 0;
  #shared = 0;

  constructor(repository: string, countedWith: CountedWith) {
    this.repository = repository;
    this.#with = countedWith;
  }

  /** Takes keys of its links and manifests, in their order. */
  async take(page: readonly string[]): Promise<void> {
    const manifests: string[] = [];
    for (const key of page) {
      const digest = linkDigest(this.repository, key);
      if (digest !== undefined) this.#unreferred.add(digest);
      else if (keys.isInSection(key, 'manifests')) manifests.push(key);
    }
    await forEachLimited(manifests, AT_ONCE, async (key) => {
      const found = await this.#with.storage.read(manifestFormat, key);
      if (found !== undefined) await this.#takeManifest(found);
    });
  }

  /** Bytes of manifests, which are stored for each repository. */
  get manifestBytes(): number {
    return this.#manifests;
  }

  /** What it takes, once all keys have been taken. */
  async end(): Promise<RepositoryUsage> {
    let reclaimable = 0;
    await forEachLimited(this.#unreferred, AT_ONCE, async (digest) => {
      const size = await this.#sizeOf(digest);
      reclaimable += size;
      this.#count(digest, size);
    });
    const logical = this.#blobs + this.#manifests;
    const shared = this.#shared;
    return { repository: this.repository, logical, shared, unique: logical - shared, reclaimable };
  }

  async #takeManifest({ value, object }: Found<StoredManifest>): Promise<void> {
    this.#manifests += object.bytes.length;
    for (const [digest, size] of this.#sizesIn(value, object.bytes)) {
      if (!this.#unreferred.delete(digest)) {
        this.#with.note(digest, undefined);
        continue;
      }
      const known = size ?? (await this.#sizeOf(digest));
      this.#count(digest, known);
      this.#with.note(digest, known);
    }
  }

  /** What a manifest refers to, and the sizes it gives; one that cannot be understood gives none. */
  #sizesIn(
    manifest: StoredManifest | undefined,
    bytes: Uint8Array,
  ): Iterable<readonly [digest: string, size: number | undefined]> {
    if (manifest !== undefined) {
      try {
        const { blobs, manifests } = this.#with.parse(manifest);
        return [...blobs, ...manifests].map(({ digest, size }) => [digest, size] as const);
      } catch (error) {
        if (!isRegistryError(error)) throw error;
      }
    }
    return digestsIn(bytes).map((digest) => [digest, undefined] as const);
  }

  async #sizeOf(digest: string): Promise<number> {
    const link = await this.#with.storage.read(blobLinkFormat, keys.link(this.repository, digest));
    return link?.value?.size ?? 0;
  }

  #count(digest: string, size: number): void {
    this.#blobs += size;
    if (this.#with.isShared(digest)) this.#shared += size;
  }
}
