import { isRegistryError } from '@entrepot/plugin-sdk';
import { splitDigest } from '../../digest.ts';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import { mapLimited } from '../concurrency.ts';
import { isForeign } from '../manifest-store.ts';
import type { StoredManifest } from '../stored-manifest.ts';
import { BlobHandover } from './blob-handover.ts';
import type { HandoverRun } from './handover-run.ts';
import { layout } from './layout.ts';
import type { Skip, SkipReason } from './transfer.ts';
import { Turns } from '../../turns.ts';

const BLOBS_AT_ONCE = 8;
/** What the other registry serves as a manifest; it knows no others (distribution 2.8, `manifeststore.go`). */
const SERVED_THERE: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
]);

/** What came of a manifest: it was there already, it has been handed over, or what is the matter with it. */
export type Given = 'there' | 'given' | Omit<Skip, 'repository' | 'tag'>;

/**
 * Hands over manifests with all they refer to: first its children, then its blobs, then its bytes, and the link that lets
 * the repository serve it last. A crash in between leaves nothing that a client of the other registry can see.
 */
export class ManifestHandover {
  readonly #run: HandoverRun;
  readonly #blobs: BlobHandover;
  readonly #turns = new Turns();

  constructor(run: HandoverRun) {
    this.#run = run;
    this.#blobs = new BlobHandover(run);
  }

  /** @throws StorageError when storage cannot be read or written. */
  give(repository: string, digest: string): Promise<Given> {
    return this.#turns.take(`${repository} ${digest}`, () => this.#give(repository, digest));
  }

  async #give(repository: string, digest: string): Promise<Given> {
    const { store, other, driver, options, progress } = this.#run;
    if (!layout.canHold(digest))
      return skip(
        'unsupported-manifest',
        digest,
        `no content of ${splitDigest(digest).algorithm} can be there`,
      );
    const link = layout.revision(repository, digest);
    if ((await other.link(link)) === digest && (await other.size(digest)) !== undefined) return 'there';
    const stored = await store.manifests.get(repository, digest);
    if (stored === undefined) return skip('missing-manifest', digest, 'the manifest is gone, or damaged');
    const fault = await this.#faultOf(repository, stored);
    if (fault !== undefined) return fault;
    if (options.dryRun) return 'given';
    await driver.write(layout.bytes(digest), stored.bytes);
    await driver.write(link, Buffer.from(digest));
    progress.manifests.taken += 1;
    return 'given';
  }

  /** Hands over what the manifest refers to. What is the matter when that cannot be. */
  async #faultOf(repository: string, stored: StoredManifest): Promise<Exclude<Given, string> | undefined> {
    const { digest, mediaType } = stored;
    if (!SERVED_THERE.has(mediaType))
      return skip('unsupported-manifest', digest, `manifests of the type ${mediaType} are not served there`);
    let manifest: ParsedManifest;
    try {
      manifest = this.#run.options.parse(stored);
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return skip('unsupported-manifest', digest, error.message);
    }
    for (const child of manifest.manifests) {
      const given = await this.give(repository, child.digest);
      if (typeof given === 'string') continue;
      // What an index may lack here it may lack there; and caches of builders are indexes of layers.
      if (given.reason === 'missing-manifest') await this.#blobs.give(repository, child.digest);
      else return skip('incomplete-manifest', digest, `it needs ${child.digest}: ${given.detail}`);
    }
    const blobs = new Map(manifest.blobs.map((blob) => [blob.digest, blob]));
    const faults = await mapLimited([...blobs.values()], BLOBS_AT_ONCE, async (blob) => {
      const fault = await this.#blobs.give(repository, blob.digest);
      return fault === undefined || isForeign(blob) ? [] : [`it needs ${blob.digest}: ${fault}`];
    });
    const [first] = faults.flat();
    return first === undefined ? undefined : skip('incomplete-manifest', digest, first);
  }
}

function skip(reason: SkipReason, digest: string, detail: string): Exclude<Given, string> {
  return { reason, digest, detail };
}
