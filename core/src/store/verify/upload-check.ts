import { keys } from '../keys.ts';
import { sessionFormat } from '../sessions.ts';
import { sealFormat } from '../upload-seal.ts';
import type { Suspicion } from './finding.ts';
import { inspect, type Inspected, type Inspection } from './inspection.ts';

/** A registry that runs ends abandoned uploads once an hour; what is later than that, no registry has ended. */
const SWEPT_WITHIN = 2 * 60 * 60 * 1000;

/** Looks at upload sessions, their tails, and what their ids are sealed with. */
export class UploadCheck {
  readonly #inspection: Inspection;
  /** One sweep ends them all. */
  #sweeping: Promise<unknown> | undefined;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async session(key: string): Promise<readonly Suspicion[]> {
    const { claims, options } = this.#inspection;
    const found = await inspect(this.#inspection, sessionFormat, key);
    const session = found?.value;
    if (session === undefined) return this.#damaged(key, found, 'the record of the upload is damaged');
    claims.add(session.data);
    const rested = Date.now() - session.touched;
    if (rested <= options.uploadMaxAge + SWEPT_WITHIN) return [];
    const { repository } = session;
    const detail = `the upload has rested for ${Math.floor(rested / 3_600_000)} hours`;
    return [
      {
        finding: { kind: 'stale-upload', key, repository, detail },
        repair: () => this.#sweep('ended the upload'),
      },
    ];
  }

  async tail(key: string): Promise<readonly Suspicion[]> {
    const { driver } = this.#inspection;
    // In this order: an upload that is ended goes before its tail does.
    if ((await driver.size(key)) === undefined) return [];
    if ((await driver.size(keys.upload(keys.uploadOfTail(key)))) !== undefined) return [];
    const detail = 'the upload whose bytes these are is not there';
    return [
      { finding: { kind: 'orphaned-tail', key, detail }, repair: () => this.#sweep('removed the tail') },
    ];
  }

  async seal(key: string): Promise<readonly Suspicion[]> {
    const found = await inspect(this.#inspection, sealFormat, key);
    const detail =
      'what the ids of uploads are sealed with is damaged: restart all processes once it is set aside; open uploads begin again';
    return found?.value === undefined ? this.#damaged(key, found, detail) : [];
  }

  #damaged(key: string, found: Inspected<unknown> | undefined, detail: string): readonly Suspicion[] {
    if (found === undefined) return [];
    const repair = async (): Promise<string | undefined> =>
      (await this.#inspection.quarantine.move(key, found.object, detail))
        ? 'set the record aside'
        : undefined;
    return [{ finding: { kind: 'damaged-record', key, detail }, repair }];
  }

  async #sweep(what: string): Promise<string> {
    this.#sweeping ??= this.#inspection.options.sweepUploads();
    await this.#sweeping;
    return what;
  }
}
