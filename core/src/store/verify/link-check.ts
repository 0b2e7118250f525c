import type { SmallObject } from '@entrepot/plugin-sdk';
import { digestOf, splitDigest } from '../../digest.ts';
import { blobLinkFormat, blobRecordFormat, type BlobLink, type BlobRecord } from '../blob-records.ts';
import { timeOf } from '../ids.ts';
import { keys } from '../keys.ts';
import type { Suspicion } from './finding.ts';
import { inspect, isDigestOf, type Inspected, type Inspection } from './inspection.ts';
import { isKeyOfBytes } from './places.ts';

/** One link, and the record it is to have. */
interface Link {
  readonly repository: string;
  readonly digest: string;
  readonly key: string;
  readonly object: SmallObject;
  /** Whether a manifest of the repository refers to the blob. */
  readonly isNeeded: boolean;
}

/**
 * Looks at the links of blobs, and rebuilds records that only links know of.
 *
 * A link is removed when it is certain that no commit is about to make it good. A commit writes link and record at once
 * but has its bytes before: a link to bytes that are not there, or that are old enough, is nobody's. One that is put
 * back by a push meanwhile is another version, and stays.
 */
export class LinkCheck {
  readonly #inspection: Inspection;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async examine(repository: string, digest: string, isNeeded: boolean): Promise<readonly Suspicion[]> {
    const key = keys.link(repository, digest);
    const found = await inspect(this.#inspection, blobLinkFormat, key);
    if (found === undefined) return [];
    const record = await inspect(this.#inspection, blobRecordFormat, keys.record(digest));
    const at: Link = { repository, digest, key, object: found.object, isNeeded };
    const of = { key, repository, digest };
    if (found.value === undefined) {
      const finding = { ...of, kind: 'damaged-record', detail: 'the link of the blob is damaged' } as const;
      return [{ finding, repair: () => this.#restore(at, record?.value) }];
    }
    const link = found.value;
    if (record?.value === undefined) {
      if (isKeyOfBytes(link.incarnation)) this.#inspection.claims.add(link.incarnation);
      const finding = { ...of, kind: 'dangling-link', detail: 'the linked blob has no record' } as const;
      return [{ finding, repair: () => this.#rebuild(at, link, record) }];
    }
    const { incarnation, state } = record.value;
    if (state === 'deleting' || incarnation === link.incarnation) return [];
    const finding = {
      ...of,
      kind: 'dangling-link',
      detail: 'the link is of an earlier life of the blob',
    } as const;
    return [{ finding, repair: () => this.#renew(at, record.value) }];
  }

  /** A damaged link says no more than that there was one. It comes back if there is a blob for it. */
  async #restore(link: Link, record: BlobRecord | undefined): Promise<string | undefined> {
    const { quarantine } = this.#inspection;
    const { key, object } = link;
    if (record === undefined || record.state === 'deleting') {
      return (await quarantine.move(key, object, 'the link is damaged')) ? 'set the link aside' : undefined;
    }
    if (!(await quarantine.copy(key, object, 'the link is damaged'))) return undefined;
    await this.#write(link, record);
    return 'rebuilt the link';
  }

  /** Content that a manifest relies on has been pushed anew after damage; what none relies on was collected once. */
  async #renew(link: Link, record: BlobRecord | undefined): Promise<string | undefined> {
    if (record === undefined || !link.isNeeded) return this.#remove(link);
    await this.#write(link, record);
    return 'renewed the link';
  }

  async #rebuild(
    link: Link,
    { incarnation, size }: BlobLink,
    damaged: Inspected<BlobRecord> | undefined,
  ): Promise<string | undefined> {
    const { driver } = this.#inspection;
    const { digest } = link;
    const data = await this.#bytesOf(digest, incarnation, damaged);
    if (data !== undefined) {
      const bytes = typeof data === 'string' ? await driver.size(data) : data.length;
      const record = {
        digest,
        state: 'live',
        incarnation,
        data,
        size: bytes ?? size,
        since: Date.now(),
      } as const;
      await driver.write(
        keys.record(digest),
        blobRecordFormat.encode(record),
        damaged === undefined ? { ifAbsent: true } : { ifMatch: damaged.object.etag },
      );
      return 'rebuilt the record of the blob from its link and its bytes';
    }
    const began = isKeyOfBytes(incarnation) ? 0 : (timeOf(incarnation) ?? 0);
    if (link.isNeeded || Date.now() - began < this.#inspection.waits.safetyAge) return undefined;
    return this.#remove(link);
  }

  /** The bytes of that life of the blob, hashed: under a key of their own, or what came behind a damaged record. */
  async #bytesOf(
    digest: string,
    incarnation: string,
    damaged: Inspected<BlobRecord> | undefined,
  ): Promise<string | Buffer | undefined> {
    if (isKeyOfBytes(incarnation))
      return (await isDigestOf(this.#inspection, digest, incarnation)) ? incarnation : undefined;
    const remains = damaged?.object.bytes ?? (await this.#inspection.quarantine.taken(keys.record(digest)));
    if (remains === undefined) return undefined;
    const bytes = Buffer.from(remains.subarray(remains.indexOf(0x0a) + 1));
    return digestOf(bytes, splitDigest(digest).algorithm) === digest ? bytes : undefined;
  }

  async #write({ key, object }: Link, { incarnation, size }: BlobRecord): Promise<void> {
    const bytes = blobLinkFormat.encode({ incarnation, size });
    await this.#inspection.driver.write(key, bytes, { ifMatch: object.etag });
  }

  /** In case another verification has rebuilt the record meanwhile, the link is put back. */
  async #remove({ digest, key, object }: Link): Promise<string | undefined> {
    const { driver } = this.#inspection;
    await driver.delete(key, { ifMatch: object.etag });
    const link = blobLinkFormat.decode(object.bytes);
    const record = await inspect(this.#inspection, blobRecordFormat, keys.record(digest));
    if (link === undefined || record?.value?.incarnation !== link.incarnation) return 'removed the link';
    await driver.write(key, blobLinkFormat.encode(link), { ifAbsent: true });
    return undefined;
  }
}
