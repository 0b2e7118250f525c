import type { Descriptor } from '@entrepot/plugin-sdk';
import { isDigest, splitDigest } from '../digest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import { Turns } from '../turns.ts';
import { BlobCopy } from './blob-copy.ts';
import type { CopyRun, RepositoryPair } from './copy-run.ts';
import { FallbackIndex } from './fallback-index.ts';
import type { FetchedManifest } from './registry-client.ts';

/** Manifests within indexes, and referrers of referrers. */
const DEEPEST = 10;

/** Copies manifests with all they refer to, in this order: children, blobs, the manifest, its referrers, and the tag last. */
export class ManifestCopy {
  readonly #run: CopyRun;
  readonly #blobs: BlobCopy;
  readonly #turns = new Turns();

  constructor(run: CopyRun, jobs: number) {
    this.#run = run;
    this.#blobs = new BlobCopy(run, jobs);
  }

  /**
   * Copies what a tag or digest names. Whether it was there already.
   * @throws Error when it cannot be had, or cannot be stored.
   */
  async copy(pair: RepositoryPair, reference: string, as: string): Promise<'copied' | 'there'> {
    const { source, target, dryRun, referrers, progress } = this.#run;
    const [wanted, present] = await Promise.all([
      source.find(pair.from, reference),
      target.find(pair.to, as),
    ]);
    if (wanted === undefined) throw new Error('the registry does not have it any more');
    const isThere = wanted === present;
    if (isThere && !referrers) return 'there';
    const manifest = await source.manifest(pair.from, wanted);
    if (manifest === undefined) throw new Error('the registry does not have its manifest');
    await this.#take(pair, manifest, 0);
    if (!isThere && !dryRun && !isDigest(as)) {
      await target.putManifest(pair.to, as, manifest);
      progress.manifests.copied += 1;
    }
    return isThere ? 'there' : 'copied';
  }

  async #take(pair: RepositoryPair, manifest: FetchedManifest, depth: number): Promise<void> {
    const { digest } = manifest;
    if (depth > DEEPEST) throw new Error(`${digest} is nested deeper than ${DEEPEST}`);
    await this.#turns.take(`${pair.to} ${digest}`, () => this.#takeInTurn(pair, manifest, depth));
    if (this.#run.referrers) await this.#referrers(pair, digest, depth);
  }

  async #takeInTurn(pair: RepositoryPair, manifest: FetchedManifest, depth: number): Promise<void> {
    const { target, dryRun, progress } = this.#run;
    if ((await target.find(pair.to, manifest.digest)) !== undefined) return;
    const parsed = parsedOf(manifest);
    await this.#needs(pair, parsed, depth);
    if (dryRun) return;
    const isListed = await target.putManifest(pair.to, manifest.digest, {
      ...manifest,
      mediaType: parsed.mediaType,
    });
    progress.manifests.copied += 1;
    if (parsed.subject !== undefined && !isListed) await this.#fallBack(pair.to, parsed);
  }

  /** Each writes the whole index, so one after the other. */
  #fallBack(repository: string, referrer: ParsedManifest): Promise<void> {
    const name = `${repository} referrers of ${referrer.subject?.digest}`;
    return this.#turns.take(name, () => new FallbackIndex(this.#run.target, repository).add(referrer));
  }

  async #needs(pair: RepositoryPair, { manifests, blobs }: ParsedManifest, depth: number): Promise<void> {
    for (const child of manifests) {
      const found = await this.#run.source.manifest(pair.from, child.digest);
      if (found !== undefined) await this.#take(pair, found, depth + 1);
      // Caches of builders are indexes of layers. What the source lacks altogether, the target may accept to lack.
      else if (await this.#run.source.hasBlob(pair.from, child.digest, 'pull'))
        await this.#blobs.copy(pair, child);
    }
    const needed = new Map(blobs.filter((blob) => !isElsewhere(blob)).map((blob) => [blob.digest, blob]));
    const copied = await Promise.allSettled([...needed.values()].map((blob) => this.#blobs.copy(pair, blob)));
    for (const each of copied) if (each.status === 'rejected') throw each.reason;
  }

  /** From the list of the registry, or the tag that clients keep where there is none (distribution-spec, "Referrers Tag Schema"). */
  async #referrers(pair: RepositoryPair, digest: string, depth: number): Promise<void> {
    const { source } = this.#run;
    const listed =
      (await source.referrers(pair.from, digest)) ?? (await fallbackOf(source, pair.from, digest));
    if (listed === undefined) return;
    for (const { digest: each } of parseManifest(listed, mediaTypes.ociIndex, 'sha256').manifests) {
      const referrer = await source.manifest(pair.from, each);
      // A list may name anything. What really refers to the digest cannot lead back to itself.
      if (referrer !== undefined && parsedOf(referrer).subject?.digest === digest)
        await this.#take(pair, referrer, depth + 1);
    }
  }
}

function parsedOf({ bytes, mediaType, digest }: FetchedManifest): ParsedManifest {
  return parseManifest(bytes, mediaType === '' ? undefined : mediaType, splitDigest(digest).algorithm);
}

/** Layers that are fetched from somewhere else need not be in the registry. */
function isElsewhere({ urls }: Descriptor): boolean {
  return urls !== undefined && urls.length > 0;
}

async function fallbackOf(
  source: CopyRun['source'],
  repository: string,
  digest: string,
): Promise<Buffer | undefined> {
  return (await source.manifest(repository, digest.replace(':', '-')))?.bytes;
}
