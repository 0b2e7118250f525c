import { isRegistryError, type SmallObject } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import { keys } from '../keys.ts';
import { referrerOf } from '../manifest-store.ts';
import { referrerFormat } from '../referrer-store.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { foreign, type Suspicion } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';
import { referrerDigests } from './places.ts';

/** A sound manifest, and what it says. */
interface Referring {
  readonly manifest: StoredManifest;
  readonly parsed: ParsedManifest;
}

/** Looks at referrers entries: each is to be of a manifest that is there and names the subject. */
export class EntryCheck {
  readonly #inspection: Inspection;
  readonly #repository: string;

  constructor(inspection: Inspection, repository: string) {
    this.#inspection = inspection;
    this.#repository = repository;
  }

  async examine(key: string): Promise<readonly Suspicion[]> {
    const place = referrerDigests(this.#repository, key);
    if (place === undefined) return foreign(key);
    const { subject, digest } = place;
    const found = await inspect(this.#inspection, referrerFormat, key);
    if (found === undefined) return [];
    const referring = await this.#referring(subject, digest);
    const of = { key, repository: this.#repository, digest };
    if (found.value === undefined) {
      const finding = { ...of, kind: 'damaged-record', detail: 'the referrers entry is damaged' } as const;
      return [{ finding, repair: () => this.#rebuild(key, found.object, referring) }];
    }
    if (referring !== undefined) return [];
    const detail = `no manifest is there that has the subject ${subject}`;
    return [
      {
        finding: { ...of, kind: 'dangling-referrers-entry', detail },
        repair: () => this.#remove(key, found.object, place),
      },
    ];
  }

  /** The manifest of an entry, if it is there and names the subject. One that cannot be read gets the benefit of doubt. */
  async #referring(subject: string, digest: string): Promise<Referring | 'unknown' | undefined> {
    const found = await inspect(this.#inspection, manifestFormat, keys.manifest(this.#repository, digest));
    if (found?.value === undefined || found.value.deleted !== undefined) return undefined;
    try {
      const parsed = this.#inspection.options.parse(found.value);
      return parsed.subject?.digest === subject ? { manifest: found.value, parsed } : undefined;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return 'unknown';
    }
  }

  async #rebuild(
    key: string,
    object: SmallObject,
    referring: Referring | 'unknown' | undefined,
  ): Promise<string | undefined> {
    const { driver, quarantine } = this.#inspection;
    if (!(await quarantine.copy(key, object, 'the referrers entry is damaged'))) return undefined;
    if (referring === undefined || referring === 'unknown') {
      await driver.delete(key, { ifMatch: object.etag });
      return 'set the entry aside';
    }
    const { manifest, parsed } = referring;
    const entry = { descriptor: referrerOf(parsed), incarnation: manifest.incarnation };
    await driver.write(key, referrerFormat.encode(entry), { ifMatch: object.etag });
    return 'rebuilt the entry from its manifest';
  }

  /**
   * A push of the manifest may have found the entry in place just before it went, and relied on it: the entry is put
   * back then. A crash in between leaves a missing entry, which the next repair adds.
   */
  async #remove(
    key: string,
    { bytes, etag }: SmallObject,
    { subject, digest }: { readonly subject: string; readonly digest: string },
  ): Promise<string | undefined> {
    const { driver } = this.#inspection;
    await driver.delete(key, { ifMatch: etag });
    if ((await this.#referring(subject, digest)) === undefined) return 'removed the entry';
    const entry = referrerFormat.decode(bytes);
    if (entry !== undefined) await driver.write(key, referrerFormat.encode(entry), { ifAbsent: true });
    return undefined;
  }
}
