import type { SmallObject } from '@entrepot/plugin-sdk';
import { keys } from '../keys.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { historyOf, tagRecordFormat } from '../tag-record.ts';
import type { Suspicion } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';
import type { RepositoryView } from './repository-view.ts';

/**
 * Looks at tags: each is to point at a manifest that is there. What a tag remembers is worth keeping, so none is
 * removed without a copy.
 */
export class TagCheck {
  readonly #inspection: Inspection;
  readonly #view: RepositoryView;

  constructor(inspection: Inspection, view: RepositoryView) {
    this.#inspection = inspection;
    this.#view = view;
  }

  async examine(key: string): Promise<readonly Suspicion[]> {
    const { repository } = this.#view;
    const found = await inspect(this.#inspection, tagRecordFormat, key);
    if (found === undefined) return [];
    const { object, value: tag } = found;
    const of = { key, repository, tag: keys.tagOf(key) };
    if (tag === undefined) {
      const finding = { ...of, kind: 'damaged-record', detail: 'the record of the tag is damaged' } as const;
      return [{ finding, repair: () => this.#restore(key, object) }];
    }
    const { digest } = tag;
    if (await this.#view.hasManifest(digest)) return [];
    const detail = 'the tag points at a manifest that is not there';
    const repair = async (): Promise<string | undefined> =>
      (await this.#inspection.quarantine.move(key, object, detail)) ? 'set the tag aside' : undefined;
    return [{ finding: { ...of, kind: 'dangling-tag', digest, detail }, repair }];
  }

  /** The newest of what a tag remembers is what it points at: when that can still be read, the tag comes back. */
  async #restore(key: string, object: SmallObject): Promise<string | undefined> {
    const { driver, quarantine } = this.#inspection;
    const why = 'the record of the tag is damaged';
    const history = historyOf(object.bytes);
    const manifest = await this.#manifest(history[0]?.digest);
    if (manifest === undefined) {
      return (await quarantine.move(key, object, why)) ? 'set the tag aside' : undefined;
    }
    if (!(await quarantine.copy(key, object, why))) return undefined;
    const { digest, mediaType, bytes, incarnation } = manifest;
    const record = { digest, mediaType, size: bytes.length, incarnation, history };
    await driver.write(key, tagRecordFormat.encode(record), { ifMatch: object.etag });
    return 'rebuilt the tag from what it remembers';
  }

  async #manifest(digest: string | undefined): Promise<StoredManifest | undefined> {
    if (digest === undefined) return undefined;
    const place = keys.manifest(this.#view.repository, digest);
    const manifest = (await inspect(this.#inspection, manifestFormat, place))?.value;
    return manifest?.deleted === undefined ? manifest : undefined;
  }
}
