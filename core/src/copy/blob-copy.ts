import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { Descriptor } from '@entrepot/plugin-sdk';
import { finishDigest, isDigest, splitDigest } from '../digest.ts';
import { Turns } from '../turns.ts';
import type { CopyRun, RepositoryPair } from './copy-run.ts';
import { drop } from './exchange.ts';
import { patiently } from './patience.ts';
import { Places } from './places.ts';

/** Blobs whose place is remembered: more are sent where they could be mounted. */
const REMEMBERED = 100_000;

/** Copies blobs from registry to registry: none that is there already, and none twice. Bytes pass through, and are hashed. */
export class BlobCopy {
  readonly #run: CopyRun;
  readonly #places: Places;
  readonly #turns = new Turns();
  /** A repository of the target that has the blob. */
  readonly #known = new Map<string, string>();

  /** At most `jobs` blobs are under way at a time. */
  constructor(run: CopyRun, jobs: number) {
    this.#run = run;
    this.#places = new Places(jobs);
  }

  /** @throws Error when the blob cannot be had, or does not have its digest. */
  copy(pair: RepositoryPair, blob: Descriptor): Promise<void> {
    return this.#turns.take(blob.digest, () => this.#places.take(() => this.#copy(pair, blob)));
  }

  async #copy(pair: RepositoryPair, { digest, size }: Descriptor): Promise<void> {
    const { target, isSame, dryRun, progress } = this.#run;
    if (!isDigest(digest)) throw new Error(`the blob ${digest} has an algorithm that is not supported`);
    if (await target.hasBlob(pair.to, digest, 'push')) {
      progress.blobs.there += 1;
    } else if (!dryRun) {
      const near = this.#known.get(digest) ?? (isSame ? pair.from : undefined);
      await patiently(() => this.#send(pair, digest, size, near));
    }
    if (this.#known.size < REMEMBERED) this.#known.set(digest, pair.to);
  }

  async #send({ from, to }: RepositoryPair, digest: string, size: number, near?: string): Promise<void> {
    const { source, target, progress } = this.#run;
    const location = await target.beginBlob(to, digest, near === to ? undefined : near);
    if (location === 'mounted') {
      progress.blobs.mounted += 1;
      return;
    }
    const answer = await source.openBlob(from, digest);
    const length = Number(answer.headers['content-length'] ?? size);
    const { algorithm } = splitDigest(digest);
    const hash = createHash(algorithm);
    let seen = 0;
    const hashing = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk);
        seen += chunk.length;
        progress.blobs.bytes += chunk.length;
        // The last bytes are held back unless they make the digest right: nobody stores what is wrong.
        const isWrong = seen === length && finishDigest(hash.copy(), algorithm) !== digest;
        done(
          isWrong ? new Error(`${source.host} gave bytes for ${digest} that do not have this digest`) : null,
          chunk,
        );
      },
    });
    answer.once('error', (error) => hashing.destroy(error));
    try {
      await target.sendBlob(to, digest, location, { stream: answer.pipe(hashing), length });
    } catch (error) {
      progress.blobs.bytes -= seen;
      throw error;
    } finally {
      drop(answer);
    }
    progress.blobs.copied += 1;
  }
}
