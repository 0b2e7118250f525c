import { BloomFilter } from '../bloom-filter.ts';
import type { Blob } from '../blob-store.ts';
import { BlobWriter } from '../blob-writer.ts';
import type { HandoverRun } from './handover-run.ts';
import { layout } from './layout.ts';
import { Turns } from '../../turns.ts';

/** Blobs that a dry run tells apart. */
const TOLD_APART = 1_000_000;

/**
 * Hands blobs over: where the storage can give an object a second key, without copying; elsewhere by reading and writing
 * them once, unless they lie where the other registry has them already.
 */
export class BlobHandover {
  readonly #run: HandoverRun;
  readonly #turns = new Turns();
  readonly #seen: BloomFilter | undefined;

  constructor(run: HandoverRun) {
    this.#run = run;
    this.#seen = run.options.dryRun ? BloomFilter.forAbout(TOLD_APART) : undefined;
  }

  /**
   * Lets the repository of the other registry read a blob. Says what is the matter when it cannot be. First the bytes, then
   * the link: without it nobody is served them.
   */
  async give(repository: string, digest: string): Promise<string | undefined> {
    const { store, other, driver, options } = this.#run;
    if (!layout.canHold(digest)) return 'its algorithm is not supported there';
    const blob = await store.blobs.check(repository, digest);
    if (blob === undefined) return 'the blob is gone, or damaged';
    const fault = await this.#turns.take(digest, () => this.#giveBytes(blob));
    const link = layout.layer(repository, digest);
    if (fault !== undefined || options.dryRun || (await other.link(link)) === digest) return fault;
    await driver.write(link, Buffer.from(digest));
    return undefined;
  }

  async #giveBytes(blob: Blob): Promise<string | undefined> {
    const { other, options, progress } = this.#run;
    const { digest, size } = blob;
    const there = await other.size(digest);
    if (there === size || this.#seen?.has(digest) === true) return undefined;
    this.#seen?.add(digest);
    if (!options.dryRun) {
      // What is shorter or longer than it has to be is of no use to anybody.
      if (there !== undefined) await this.#run.driver.delete(layout.bytes(digest));
      const fault = await this.#put(blob);
      if (fault !== undefined) return fault;
    }
    progress.blobs.taken += 1;
    progress.blobs.bytes += size;
    return undefined;
  }

  async #put({ digest, data, size }: Blob): Promise<string | undefined> {
    const { driver, progress } = this.#run;
    const target = layout.bytes(digest);
    if (typeof data !== 'string') {
      await driver.write(target, data);
      progress.blobs.read += size;
      return undefined;
    }
    if (driver.link === undefined) return this.#copy(digest, data, target);
    return (await driver.link(data, target)) ? undefined : 'its bytes are gone';
  }

  async #copy(digest: string, data: string, target: string): Promise<string | undefined> {
    const { driver, progress } = this.#run;
    const object = await driver.open(data);
    if (object === undefined) return 'its bytes are gone';
    const writer = BlobWriter.begin(driver, 'sha256', target);
    try {
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
        await writer.write(new Uint8Array(chunk));
        progress.blobs.read += chunk.length;
      }
      if (writer.digest() !== digest) {
        await writer.abort();
        return 'its bytes do not have its digest';
      }
      const { whole } = writer;
      if (whole === undefined) await writer.complete();
      else await writeWhole(driver, target, whole);
      return undefined;
    } catch (error) {
      await writer.abort();
      throw error;
    } finally {
      await object.close();
    }
  }
}

async function writeWhole(driver: HandoverRun['driver'], key: string, bytes: Buffer): Promise<void> {
  const state = await driver.createUpload(key);
  await driver.completeUpload({ key, offset: 0, parts: 0, state }, [bytes]);
}
