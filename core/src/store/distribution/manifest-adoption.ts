import { isRegistryError } from '@entrepot/plugin-sdk';
import { digestOf, isDigest, splitDigest } from '../../digest.ts';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import { mapLimited } from '../concurrency.ts';
import { isForeign, type ManifestPut } from '../manifest-store.ts';
import type { AdoptionRun } from './adoption-run.ts';
import { BlobAdoption } from './blob-adoption.ts';
import { layout } from './layout.ts';
import type { Skip, SkipReason } from './transfer.ts';
import { Turns } from '../../turns.ts';

/** By whom a tag was set, as its history has it. */
export const ADOPTER = 'registry import';

const BLOBS_AT_ONCE = 8;
/** Indexes within indexes; the field nests them two deep. */
const DEEPEST = 10;
/** Bytes of a manifest; storage gives no more in one piece. */
const LARGEST = 16 * 1024 * 1024 - 4096;
/** Missing digests that a report names. */
const NAMED = 10;

/** A tag that is to point at a manifest. */
export interface Tagging {
  readonly tag: string;
  /** What it has to point at until then; `undefined`: it must not be there. */
  readonly seen: string | undefined;
  /** Digests that it has pointed at before, in no order. */
  readonly past: readonly string[];
}

/** What came of a manifest: it was there already, it has been taken over, or what is the matter with it. */
export type Adopted = 'there' | 'taken' | Omit<Skip, 'repository' | 'tag'>;

/**
 * Takes over manifests with all they refer to: none is ever there in part. First its children, then its blobs, then
 * itself, then its tag; what goes wrong before the end leaves nothing that a client can see.
 */
export class ManifestAdoption {
  readonly #run: AdoptionRun;
  readonly #blobs: BlobAdoption;
  readonly #turns = new Turns();

  constructor(run: AdoptionRun) {
    this.#run = run;
    this.#blobs = new BlobAdoption(run);
  }

  /** @throws StorageError when storage cannot be read or written. RegistryError 412 when the tag has been set by others. */
  take(repository: string, digest: string, tagging?: Tagging, depth = 0): Promise<Adopted> {
    return this.#turns.take(`${repository} ${digest}`, () => this.#take(repository, digest, tagging, depth));
  }

  async #take(
    repository: string,
    digest: string,
    tagging: Tagging | undefined,
    depth: number,
  ): Promise<Adopted> {
    const { store, options, progress } = this.#run;
    const stored = await store.manifests.get(repository, digest);
    if (stored !== undefined) {
      if (tagging !== undefined && !options.dryRun)
        await this.#put(repository, options.parse(stored.bytes, stored.mediaType, digest), tagging);
      return 'there';
    }
    const manifest = await this.#read(repository, digest);
    if ('reason' in manifest) return manifest;
    const lacks = await this.#lacks(repository, manifest, depth);
    if (lacks.length > 0) return skip('incomplete-manifest', digest, sentence(lacks));
    if (options.dryRun) return 'taken';
    try {
      await this.#put(repository, manifest, tagging);
    } catch (error) {
      if (!isRegistryError(error) || error.code !== 'MANIFEST_BLOB_UNKNOWN') throw error;
      return skip('incomplete-manifest', digest, 'something it needs was deleted meanwhile');
    }
    progress.manifests.taken += 1;
    return 'taken';
  }

  async #read(repository: string, digest: string): Promise<ParsedManifest | Exclude<Adopted, string>> {
    const { other, options } = this.#run;
    const link = await other.link(layout.revision(repository, digest));
    if (link === undefined)
      return skip('missing-manifest', digest, 'the repository has no manifest of this digest');
    if (link !== digest) return skip('damaged-link', digest, 'the link of the manifest is damaged');
    const size = await other.size(digest);
    if (size !== undefined && size > LARGEST)
      return skip('unsupported-manifest', digest, `the manifest has ${size} bytes`);
    const bytes = await other.bytes(digest);
    if (bytes === undefined) return skip('missing-manifest', digest, 'the bytes of the manifest are gone');
    if (digestOf(bytes, splitDigest(digest).algorithm) !== digest)
      return skip('damaged-manifest', digest, 'the bytes of the manifest do not have its digest');
    try {
      return options.parse(bytes, undefined, digest);
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return skip('unsupported-manifest', digest, error.message);
    }
  }

  /** What the manifest refers to and cannot be had. */
  async #lacks(repository: string, manifest: ParsedManifest, depth: number): Promise<readonly string[]> {
    const { mayLack } = this.#run.options;
    const lacks: string[] = [];
    for (const child of manifest.manifests) {
      const fault = await this.#faultOfChild(repository, child.digest, depth + 1);
      if (fault === undefined) continue;
      // Caches of builders are indexes of layers.
      if ((await this.#blobs.take(repository, child)) === undefined) continue;
      if (mayLack === 'nothing') lacks.push(`${child.digest}: ${fault}`);
    }
    const blobs = new Map(manifest.blobs.map((blob) => [blob.digest, blob]));
    await mapLimited([...blobs.values()], BLOBS_AT_ONCE, async (blob) => {
      const fault = await this.#blobs.take(repository, blob);
      if (fault !== undefined && !isForeign(blob)) lacks.push(`${blob.digest}: ${fault}`);
    });
    return lacks;
  }

  async #faultOfChild(repository: string, digest: string, depth: number): Promise<string | undefined> {
    if (!isDigest(digest)) return 'it has an algorithm that is not supported';
    if (depth > DEEPEST) return `it is nested deeper than ${DEEPEST}`;
    const child = await this.take(repository, digest, undefined, depth);
    return typeof child === 'string' ? undefined : child.detail;
  }

  async #put(repository: string, manifest: ParsedManifest, tagging: Tagging | undefined): Promise<void> {
    const put: ManifestPut = {
      tags: tagging === undefined ? [] : [tagging.tag],
      actor: ADOPTER,
      // That all is there, layers in the place of children included, has just been seen to.
      mayLack: this.#run.options.mayLack === 'nothing' ? 'children' : this.#run.options.mayLack,
      condition: tagging === undefined ? undefined : (current) => current === tagging.seen,
      // Nobody knows when.
      past: tagging?.past.map((digest) => ({ digest, at: 0, actor: ADOPTER })),
    };
    await this.#run.store.manifests.put(repository, manifest, put);
  }
}

function skip(reason: SkipReason, digest: string, detail: string): Exclude<Adopted, string> {
  return { reason, digest, detail };
}

function sentence(lacks: readonly string[]): string {
  const rest = lacks.length > NAMED ? `; and ${lacks.length - NAMED} more` : '';
  return `it lacks ${lacks.slice(0, NAMED).join('; ')}${rest}`;
}
