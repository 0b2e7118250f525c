import { isDeepStrictEqual } from 'node:util';
import { isRegistryError } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import { blobLinkFormat, blobRecordFormat } from '../blob-records.ts';
import { isDigest } from '../../digest.ts';
import { keys } from '../keys.ts';
import { isForeign, referrerOf } from '../manifest-store.ts';
import { referrerFormat, type Referrer } from '../referrer-store.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { foreign, type Suspicion } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';
import type { LinkCheck } from './link-check.ts';
import { manifestDigest } from './places.ts';
import type { RepositoryView } from './repository-view.ts';

/** Digests that a finding names in full; of more it says how many. */
const NAMED = 5;

/** Looks at the manifests of one repository, and at what each should have: its blobs, its children, its entries. */
export class ManifestCheck {
  readonly #inspection: Inspection;
  readonly #links: LinkCheck;
  readonly #view: RepositoryView;

  constructor(inspection: Inspection, links: LinkCheck, view: RepositoryView) {
    this.#inspection = inspection;
    this.#links = links;
    this.#view = view;
  }

  async examine(key: string): Promise<readonly Suspicion[]> {
    const { repository } = this.#view;
    const digest = manifestDigest(repository, key);
    if (digest === undefined) return foreign(key);
    const found = await inspect(this.#inspection, manifestFormat, key);
    if (found === undefined) return [];
    const { object, value: manifest } = found;
    const of = { key, repository, digest };
    if (manifest === undefined) {
      const why = 'the manifest is damaged';
      const repair = async (): Promise<string | undefined> =>
        (await this.#inspection.quarantine.move(key, object, why)) ? 'set the manifest aside' : undefined;
      return [{ finding: { ...of, kind: 'damaged-manifest', detail: why }, repair }];
    }
    // It is absent for clients, and may lack what they have deleted besides.
    if (manifest.deleted !== undefined) return [];
    let parsed: ParsedManifest;
    try {
      parsed = this.#inspection.options.parse(manifest);
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      this.#view.keep(digest);
      return [{ finding: { ...of, kind: 'unparsed-manifest', detail: error.message } }];
    }
    this.#view.keep(digest);
    return [
      ...(await this.#references(parsed, of)),
      ...(manifest.deleting ? [] : await this.#referrersEntry(manifest, parsed)),
    ];
  }

  async #references(
    { blobs, manifests }: ParsedManifest,
    of: { readonly key: string; readonly repository: string; readonly digest: string },
  ): Promise<readonly Suspicion[]> {
    const { mayLack } = this.#inspection.options;
    const suspicions: Suspicion[] = [];
    const lacking =
      mayLack === 'anything' ? [] : await this.#lacking(blobs.filter((blob) => !isForeign(blob)));
    const orphans = await this.#absent(manifests);
    const missing = [...lacking, ...(mayLack === 'nothing' ? orphans : [])];
    if (missing.length > 0) {
      suspicions.push({
        finding: { ...of, kind: 'incomplete-manifest', detail: `it lacks ${named(missing)}` },
        repair: () => this.#complete(lacking, orphans.length > 0 && mayLack === 'nothing'),
      });
    }
    if (orphans.length > 0 && mayLack !== 'nothing') {
      const detail = `it lacks ${named(orphans)}, as the configuration allows`;
      suspicions.push({ finding: { ...of, kind: 'sparse-index', detail } });
    }
    return suspicions;
  }

  /** Whether what lacks can be found again through its links. */
  async #complete(lacking: readonly string[], lacksManifests: boolean): Promise<string | undefined> {
    const { repository } = this.#view;
    for (const digest of lacking) {
      if (!isDigest(digest)) continue;
      for (const { repair } of await this.#links.examine(repository, digest, true)) await repair?.();
    }
    const still = await this.#lacking(lacking.map((digest) => ({ digest })));
    return still.length === 0 && !lacksManifests ? 'its blobs can be read again' : undefined;
  }

  async #lacking(blobs: readonly { readonly digest: string }[]): Promise<string[]> {
    const lacking: string[] = [];
    for (const digest of new Set(blobs.map((blob) => blob.digest))) {
      const isThere = this.#view.isReadable(digest) || (await this.#isReadable(digest));
      this.#view.judge(digest, isThere);
      if (!isThere) lacking.push(digest);
    }
    return lacking;
  }

  async #isReadable(digest: string): Promise<boolean> {
    if (!isDigest(digest)) return false;
    const [link, record] = await Promise.all([
      inspect(this.#inspection, blobLinkFormat, keys.link(this.#view.repository, digest)),
      inspect(this.#inspection, blobRecordFormat, keys.record(digest)),
    ]);
    if (link?.value === undefined || record?.value === undefined) return false;
    const { incarnation, state, data } = record.value;
    if (state === 'deleting' || incarnation !== link.value.incarnation) return false;
    return typeof data !== 'string' || !this.#inspection.lost.has(digest, data);
  }

  async #absent(children: readonly { readonly digest: string }[]): Promise<string[]> {
    const absent: string[] = [];
    for (const digest of new Set(children.map((child) => child.digest))) {
      if (!isDigest(digest) || !(await this.#view.hasManifest(digest))) absent.push(digest);
    }
    return absent;
  }

  async #referrersEntry(manifest: StoredManifest, parsed: ParsedManifest): Promise<readonly Suspicion[]> {
    if (parsed.subject === undefined) return [];
    const { repository } = this.#view;
    const { digest, incarnation } = manifest;
    const key = keys.referrer(repository, parsed.subject.digest, digest);
    const entry: Referrer = { descriptor: referrerOf(parsed), incarnation };
    const found = await inspect(this.#inspection, referrerFormat, key);
    // A damaged entry is found where entries are looked at.
    if (found !== undefined && found.value === undefined) return [];
    if (isDeepStrictEqual(found?.value?.descriptor, entry.descriptor)) return [];
    const detail =
      found === undefined
        ? 'its subject does not list it among its referrers'
        : 'its subject lists it among its referrers as something else';
    return [
      {
        finding: { kind: 'missing-referrers-entry', key, repository, digest, detail },
        repair: () => this.#list(key, entry, found?.object.etag),
      },
    ];
  }

  /** A delete that has begun meanwhile would not see the new entry: it is taken back then. */
  async #list(key: string, entry: Referrer, etag: string | undefined): Promise<string | undefined> {
    const { driver } = this.#inspection;
    const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
    const written = await driver.write(key, referrerFormat.encode(entry), condition);
    const place = keys.manifest(this.#view.repository, entry.descriptor.digest);
    const manifest = (await inspect(this.#inspection, manifestFormat, place))?.value;
    if (manifest?.deleting === false) return 'listed it among the referrers of its subject';
    await driver.delete(key, { ifMatch: written.etag });
    return undefined;
  }
}

function named(digests: readonly string[]): string {
  const more = digests.length - NAMED;
  return digests.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
