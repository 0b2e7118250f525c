import type { StorageDriver } from '@entrepot/plugin-sdk';
import { blobRecordFormat } from '../blob-records.ts';
import { BloomFilter } from '../bloom-filter.ts';
import { AT_ONCE, PacedStorage } from '../collect/paced-storage.ts';
import type { ParseManifest } from '../collect/references.ts';
import { repositoryKeys } from '../collect/repository-keys.ts';
import { forEachLimited } from '../concurrency.ts';
import { keys } from '../keys.ts';
import { linkDigest, recordDigest } from '../verify/places.ts';
import { RepositoryCount, type CountedWith, type RepositoryUsage } from './repository-count.ts';

/** What the registry takes, in bytes. */
export interface TotalUsage {
  readonly repositories: number;
  /** The sum over all repositories. */
  readonly logical: number;
  /** What is stored: each blob once, and all manifests. */
  readonly stored: number;
  /** Blobs that no manifest of any repository refers to: collection gives them back; part of `stored`. */
  readonly reclaimable: number;
}

/**
 * Counts what is stored, without changing anything. Sizes are those that manifests give, so blobs need not be asked one
 * by one; only what no manifest refers to is. Memory grows with the blobs of the largest repository, and with nothing
 * else: which blobs are in several repositories is kept in filters that are wrong about one blob in 4,000.
 */
export class Usage {
  readonly #storage: PacedStorage;
  readonly #parse: ParseManifest;

  constructor(driver: StorageDriver, parse: ParseManifest) {
    this.#storage = new PacedStorage(driver, {});
    this.#parse = parse;
  }

  /** What one repository takes. The links of all others are listed, and nothing of them is read. */
  async of(repository: string): Promise<RepositoryUsage> {
    const own = new Set<string>();
    for await (const page of this.#storage.pages(keys.links(repository)))
      for (const key of page) own.add(linkDigest(repository, key) ?? '');
    const elsewhere = new Set<string>();
    for await (const { holder, digest } of this.#links())
      if (holder !== repository && own.has(digest)) elsewhere.add(digest);
    const count = this.#counter(repository, {
      isShared: (digest) => elsewhere.has(digest),
      note: () => undefined,
    });
    for (const prefix of [keys.links(repository), keys.manifests(repository)])
      for await (const page of this.#storage.pages(prefix)) await count.take(page);
    return count.end();
  }

  /** What each repository takes, in the order of their keys; returns what all of it takes. */
  async *all(): AsyncGenerator<RepositoryUsage, TotalUsage> {
    let blobs = 0;
    for await (const page of this.#storage.pages(keys.records)) blobs += page.length;
    const inSeveral = await this.#inSeveral(blobs);
    const [referred, counted] = [BloomFilter.forAbout(blobs), BloomFilter.forAbout(blobs)];
    let [repositories, logical, stored] = [0, 0, 0];
    const countedWith = {
      isShared: (digest: string) => inSeveral.has(digest),
      note: (digest: string, size: number | undefined): void => {
        referred.add(digest);
        if (size === undefined || counted.has(digest)) return;
        counted.add(digest);
        stored += size;
      },
    };
    for await (const count of this.#repositories(countedWith)) {
      const usage = await count.end();
      repositories += 1;
      logical += usage.logical;
      stored += count.manifestBytes;
      yield usage;
    }
    const reclaimable = await this.#sizeOfRest(referred);
    return { repositories, logical, stored: stored + reclaimable, reclaimable };
  }

  /** One after the other, once all keys of it have been taken. The catalog is not asked, as collection does not. */
  async *#repositories(countedWith: Pick<CountedWith, 'isShared' | 'note'>): AsyncGenerator<RepositoryCount> {
    let count: RepositoryCount | undefined;
    for await (const page of repositoryKeys(this.#storage, 'blobs', 'manifests')) {
      const byHolder = Map.groupBy(page, (key) => keys.holderOf(key));
      for (const [holder, own] of byHolder) {
        if (count !== undefined && count.repository !== holder) {
          yield count;
          count = undefined;
        }
        count ??= this.#counter(holder, countedWith);
        await count.take(own);
      }
    }
    if (count !== undefined) yield count;
  }

  /** The blobs that more than one repository may read, of about so many. */
  async #inSeveral(blobs: number): Promise<BloomFilter> {
    const [inOne, inSeveral] = [BloomFilter.forAbout(blobs), BloomFilter.forAbout(blobs)];
    for await (const { digest } of this.#links()) {
      if (inOne.has(digest)) inSeveral.add(digest);
      else inOne.add(digest);
    }
    return inSeveral;
  }

  /** Bytes of the blobs that are not among `referred`. */
  async #sizeOfRest(referred: BloomFilter): Promise<number> {
    let bytes = 0;
    for await (const page of this.#storage.pages(keys.records))
      await forEachLimited(page, AT_ONCE, async (key) => {
        const digest = recordDigest(key);
        if (digest === undefined || referred.has(digest)) return;
        const size = (await this.#storage.read(blobRecordFormat, key))?.value?.size ?? 0;
        bytes += size;
      });
    return bytes;
  }

  async *#links(): AsyncGenerator<{ readonly holder: string; readonly digest: string }> {
    for await (const page of repositoryKeys(this.#storage, 'blobs'))
      for (const key of page) {
        const holder = keys.holderOf(key);
        const digest = linkDigest(holder, key);
        if (digest !== undefined) yield { holder, digest };
      }
  }

  #counter(repository: string, countedWith: Pick<CountedWith, 'isShared' | 'note'>): RepositoryCount {
    return new RepositoryCount(repository, { storage: this.#storage, parse: this.#parse, ...countedWith });
  }
}
