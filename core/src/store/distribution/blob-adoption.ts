import { createHash } from 'node:crypto';
import type { Descriptor } from '@entrepot/plugin-sdk';
import { digestOf, finishDigest, isDigest, splitDigest } from '../../digest.ts';
import { MAX_INLINE, type BlobData } from '../blob-records.ts';
import { BloomFilter } from '../bloom-filter.ts';
import { newId } from '../ids.ts';
import { keys } from '../keys.ts';
import type { AdoptionRun } from './adoption-run.ts';
import { layout } from './layout.ts';
import { assertServing } from './retirement.ts';
import { DAMAGED } from './other-registry.ts';
import { Turns } from '../../turns.ts';

/** Blobs that a dry run tells apart. */
const TOLD_APART = 1_000_000;

/**
 * Takes over blobs without copying them. Where the storage can give an object a second key (a directory: by a hard link),
 * the bytes get one of ours, and either registry may remove its own. Elsewhere (a bucket) the record names the key of the
 * other registry, and the bytes are never removed by us. Few bytes are kept in the record, like those of a push.
 */
export class BlobAdoption {
  readonly #run: AdoptionRun;
  readonly #turns = new Turns();
  readonly #seen: BloomFilter | undefined;

  constructor(run: AdoptionRun) {
    this.#run = run;
    this.#seen = run.options.dryRun ? BloomFilter.forAbout(TOLD_APART) : undefined;
  }

  /**
   * Lets the repository read a blob that it may read in the other registry. Says what is the matter when it cannot be.
   *
   * The order: the bytes get their key, then comes the record, then the link of the repository. A crash in between leaves
   * a second name of bytes, or a record, which nobody refers to and collection or `registry verify` removes.
   */
  async take(repository: string, blob: Descriptor): Promise<string | undefined> {
    const { digest } = blob;
    const { store, other, options } = this.#run;
    if (!isDigest(digest)) return 'it has an algorithm that is not supported';
    if ((await store.blobs.check(repository, digest)) !== undefined) return undefined;
    const link = await other.link(layout.layer(repository, digest));
    if (link === undefined) return 'the repository has no link to it';
    if (link !== digest) return link === DAMAGED ? 'its link is damaged' : `it is kept as ${link}`;
    return this.#turns.take(digest, () =>
      options.dryRun ? this.#examine(blob) : this.#adopt(repository, blob),
    );
  }

  async #adopt(repository: string, blob: Descriptor): Promise<string | undefined> {
    const { store, progress } = this.#run;
    const { digest } = blob;
    if ((await store.blobs.mountFromAnywhere(repository, digest)) !== undefined) return undefined;
    const size = await this.#run.other.size(digest);
    if (size === undefined) return 'its bytes are gone';
    const fault = await this.#faultOf(blob, size);
    if (fault !== undefined) return fault;
    const bytes = await this.#bytesOf(digest, size);
    if (bytes === undefined) return 'its bytes are gone, or do not have its digest';
    await store.blobs.commit(repository, digest, size, bytes);
    progress.blobs.taken += 1;
    progress.blobs.bytes += size;
    return undefined;
  }

  async #examine(blob: Descriptor): Promise<string | undefined> {
    const { progress } = this.#run;
    const size = await this.#run.other.size(blob.digest);
    if (size === undefined) return 'its bytes are gone';
    if (this.#seen?.has(blob.digest) === true) return undefined;
    const fault = await this.#faultOf(blob, size);
    if (fault !== undefined) return fault;
    this.#seen?.add(blob.digest);
    progress.blobs.taken += 1;
    progress.blobs.bytes += size;
    return undefined;
  }

  /** A manifest that is wrong about the length may still have the right bytes: the digest decides. */
  async #faultOf({ digest, size: expected }: Descriptor, size: number): Promise<string | undefined> {
    if (size === expected && !this.#run.options.deep) return undefined;
    if (await this.#isDigestOf(digest)) return undefined;
    return size === expected
      ? 'its bytes do not have its digest'
      : `it has ${size} bytes, not ${expected}, and not its digest`;
  }

  /** Where the bytes are to be: in the record, under a key of ours, or where they are. `undefined` when they are wrong. */
  async #bytesOf(digest: string, size: number): Promise<BlobData | undefined> {
    const { driver, other } = this.#run;
    if (size <= MAX_INLINE) {
      const bytes = await other.bytes(digest);
      if (bytes === undefined || digestOf(bytes, splitDigest(digest).algorithm) !== digest) return undefined;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const source = layout.bytes(digest);
    if (driver.link === undefined) {
      // Collection would take it for ours alone.
      await assertServing(driver);
      return source;
    }
    const own = keys.data(newId());
    return (await driver.link(source, own)) ? own : undefined;
  }

  async #isDigestOf(digest: string): Promise<boolean> {
    const { driver, progress } = this.#run;
    const { algorithm } = splitDigest(digest);
    const object = await driver.open(layout.bytes(digest));
    if (object === undefined) return false;
    try {
      const hash = createHash(algorithm);
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
        hash.update(chunk);
        progress.blobs.read += chunk.length;
      }
      return finishDigest(hash, algorithm) === digest;
    } finally {
      await object.close();
    }
  }
}
