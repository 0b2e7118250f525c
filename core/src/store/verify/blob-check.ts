import type { SmallObject } from '@entrepot/plugin-sdk';
import { digestOf, splitDigest } from '../../digest.ts';
import { blobRecordFormat, readBlobRecord, type BlobData, type BlobRecord } from '../blob-records.ts';
import { newId } from '../ids.ts';
import { keys } from '../keys.ts';
import { foreign, type FindingKind, type Suspicion } from './finding.ts';
import { inspect, isDigestOf, type Inspection } from './inspection.ts';
import { isKeyOfBytes, recordDigest } from './places.ts';

type RecordLine = Omit<BlobRecord, 'data'>;

const CORRECTED = 'corrected the record';
const LET_GO = 'set the bytes aside; the next push of the blob brings them back';

interface Fault {
  readonly kind: FindingKind;
  readonly detail: string;
}

/**
 * Looks at blob records, and at the bytes they are of.
 *
 * Bytes that are wrong cannot be made right, only be brought again. Repairing takes the record's claim on them away: it
 * then names bytes that are not there. So the blob is absent for clients, which push it again, and as the record is
 * still in the same life, that one push heals it for every repository that has a link.
 */
export class BlobCheck {
  readonly #inspection: Inspection;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async examine(key: string): Promise<readonly Suspicion[]> {
    const { claims, lost } = this.#inspection;
    const digest = recordDigest(key);
    if (digest === undefined) return foreign(key);
    const found = await inspect(this.#inspection, blobRecordFormat, key);
    if (found === undefined) return [];
    const { object, value: record } = found;
    if (record === undefined) {
      const finding = {
        kind: 'damaged-record',
        key,
        digest,
        detail: 'the record of the blob is damaged',
      } as const;
      return [{ finding, repair: () => this.#setRecordAside(key, digest, object) }];
    }
    const { data } = record;
    if (typeof data !== 'string') return [];
    claims.add(data);
    const fault = record.state === 'deleting' ? undefined : await this.#faultOf(record, data);
    if (fault === undefined) {
      lost.delete(digest);
      return [];
    }
    lost.add(digest, data);
    const finding = { kind: fault.kind, key, digest, detail: `${fault.detail} (${data})` };
    return [{ finding, repair: () => this.#letGo(key, { ...record, data }, object, fault) }];
  }

  async #faultOf({ digest, size }: BlobRecord, data: string): Promise<Fault | undefined> {
    const found = await this.#inspection.driver.size(data);
    if (found === undefined) return { kind: 'missing-data', detail: 'the bytes of the blob are gone' };
    if (found !== size) return { kind: 'wrong-size', detail: `the blob has ${found} bytes, not ${size}` };
    if (!this.#inspection.options.deep || (await isDigestOf(this.#inspection, digest, data)))
      return undefined;
    return { kind: 'wrong-digest', detail: 'the bytes of the blob do not have its digest' };
  }

  /** In this order: a note of the bytes, then the record lets go of them; a crash in between leaves a note too many. */
  async #letGo(
    key: string,
    record: BlobRecord & { readonly data: string },
    { etag }: SmallObject,
    { kind, detail }: Fault,
  ): Promise<string | undefined> {
    const { quarantine, lost } = this.#inspection;
    if (await this.#correct(key, record, record.data, etag)) return CORRECTED;
    if (kind === 'missing-data') return undefined;
    await quarantine.note(record.data, `${detail}: ${record.digest}`);
    lost.add(record.digest, await this.#lose(key, record, etag));
    return LET_GO;
  }

  /**
   * When the line of a record still makes sense, it keeps its life. When not, nothing is left of it; links may know
   * enough to rebuild it.
   */
  async #setRecordAside(key: string, digest: string, object: SmallObject): Promise<string | undefined> {
    const { quarantine, claims, lost } = this.#inspection;
    const read = readBlobRecord(object.bytes);
    if (read?.header.digest !== digest) {
      claims.areComplete = false;
      const isMoved = await quarantine.move(key, object, 'the record of the blob is damaged');
      return isMoved ? 'set the record aside' : undefined;
    }
    if (!(await quarantine.copy(key, object, 'the record of the blob is damaged'))) return undefined;
    const { header, data, bytes } = read;
    if (await this.#correct(key, header, data ?? bytes, object.etag)) return CORRECTED;
    lost.add(digest, await this.#lose(key, header, object.etag));
    return LET_GO;
  }

  /**
   * Writes the record anew when the right bytes are at hand: where it says, with another size, or where they first
   * were. Whether it could.
   */
  async #correct(key: string, record: RecordLine, data: BlobData, etag: string): Promise<boolean> {
    const { digest, incarnation } = record;
    if (typeof data !== 'string') {
      if (digestOf(data, splitDigest(digest).algorithm) !== digest) return false;
      await this.#write(key, { ...record, data, size: data.length }, etag);
      return true;
    }
    const { driver, claims, lost } = this.#inspection;
    for (const place of new Set([data, incarnation])) {
      const size = isKeyOfBytes(place) ? await driver.size(place) : undefined;
      if (size === undefined || !(await isDigestOf(this.#inspection, digest, place))) continue;
      await this.#write(key, { ...record, data: place, size }, etag);
      claims.add(place);
      lost.delete(digest);
      return true;
    }
    return false;
  }

  /** Makes the record name bytes that are not there. Gives their key. */
  async #lose(key: string, record: RecordLine, etag: string): Promise<string> {
    const data = keys.data(newId());
    await this.#write(key, { ...record, data }, etag);
    return data;
  }

  async #write(key: string, record: BlobRecord, etag: string): Promise<void> {
    await this.#inspection.driver.write(key, blobRecordFormat.encode(record), { ifMatch: etag });
  }
}
