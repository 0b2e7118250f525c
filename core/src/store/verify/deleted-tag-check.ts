import { deletedTagFormat } from '../deleted-tags.ts';
import { keys } from '../keys.ts';
import type { Suspicion } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';

/** Looks at what is kept of deleted tags. */
export class DeletedTagCheck {
  readonly #inspection: Inspection;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async examine(key: string): Promise<readonly Suspicion[]> {
    const found = await inspect(this.#inspection, deletedTagFormat, key);
    if (found === undefined || found.value !== undefined) return [];
    const detail = 'the record of the deleted tag is damaged';
    const repair = async (): Promise<string | undefined> =>
      (await this.#inspection.quarantine.move(key, found.object, detail))
        ? 'set the record aside'
        : undefined;
    const of = { key, repository: keys.holderOf(key), tag: keys.tagOf(key) };
    return [{ finding: { ...of, kind: 'damaged-record', detail }, repair }];
  }
}
