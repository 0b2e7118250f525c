import { StorageError, type SmallObject } from '@entrepot/plugin-sdk';
import { blobLinkFormat, blobRecordFormat, type BlobRecord } from '../blob-records.ts';
import { forEachLimited, mapLimited } from '../concurrency.ts';
import { layout } from '../distribution/layout.ts';
import { retirementFormat } from '../distribution/retirement.ts';
import { keys } from '../keys.ts';
import { linkDigest, recordDigest } from '../verify/places.ts';
import type { Mark } from './mark.ts';
import { AT_ONCE } from './paced-storage.ts';
import { repositoryKeys } from './repository-keys.ts';
import type { Run } from './run.ts';
import type { Step } from './tally.ts';

/** Doomed blobs gathered before they are deleted: for each batch, the links of all repositories are looked through. */
const BATCH = 20_000;

/** A blob whose record says `deleting`. */
interface Doomed {
  readonly digest: string;
  readonly incarnation: string;
  /** Storage key of the bytes; `undefined` when they are in the record. */
  readonly data: string | undefined;
  readonly size: number;
  /** The version that says so. */
  readonly object: Pick<SmallObject, 'etag'>;
}

/** Collects blobs that no manifest refers to, as {@link BlobRecord} draws it. */
export class BlobCollection {
  readonly #run: Run;
  readonly #mark: Mark;
  readonly #doomed = new Map<string, Doomed>();

  constructor(run: Run, mark: Mark) {
    this.#run = run;
    this.#mark = mark;
  }

  async *steps(): AsyncGenerator<Step> {
    const { storage, progress } = this.#run;
    for await (const page of storage.pages(keys.records)) {
      const steps = await mapLimited(page, AT_ONCE, (key) => this.#examine(key));
      for (const step of steps) if (step !== undefined) yield step;
      progress.objects += page.length;
      if (this.#doomed.size >= BATCH) yield* this.#delete();
    }
    yield* this.#delete();
  }

  /** Most records are not read at all: their key says whose they are. A damaged one is left for `registry verify`. */
  async #examine(key: string): Promise<Step | undefined> {
    const digest = recordDigest(key);
    if (digest === undefined || this.#mark.hasBlob(digest)) return undefined;
    const found = await this.#run.storage.read(blobRecordFormat, key);
    if (found?.value === undefined) return undefined;
    const { value, object } = found;
    switch (value.state) {
      case 'live':
        return this.#condemn(key, value, object);
      case 'condemned':
        await this.#doom(key, value, object);
        return undefined;
      case 'deleting':
        // Whoever doomed it has died, or goes on beside this run: what both do is done once.
        await this.#remember(value, object);
        return undefined;
    }
  }

  async #condemn(key: string, record: BlobRecord, object: SmallObject): Promise<Step | undefined> {
    const { storage, rules, began, blobs } = this.#run;
    const { digest, size, since } = record;
    blobs.wait(size, Math.max(since + rules.grace, began) + rules.grace);
    if (since + rules.grace > began) return undefined;
    const condemned = { ...record, state: 'condemned', since: Date.now() } as const;
    if (!rules.dryRun && (await storage.replace(blobRecordFormat, key, condemned, object)) === undefined)
      return undefined;
    return blobs.take({ action: 'condemn', kind: 'blob', digest, bytes: size });
  }

  /**
   * Only what was condemned long before this mark began: whoever had found the blob before that has pushed his manifest
   * since, and the mark has seen it; whoever has found it later has changed the record.
   */
  async #doom(key: string, record: BlobRecord, object: SmallObject): Promise<void> {
    const { storage, rules, began, blobs } = this.#run;
    if (record.since + rules.grace > began) {
      blobs.wait(record.size, record.since + rules.grace);
      return;
    }
    const deleting = { ...record, state: 'deleting', since: Date.now() } as const;
    const written = rules.dryRun ? object : await storage.replace(blobRecordFormat, key, deleting, object);
    if (written !== undefined) await this.#remember(record, written);
  }

  async #remember(
    { digest, incarnation, data, size }: BlobRecord,
    { etag }: Pick<SmallObject, 'etag'>,
  ): Promise<void> {
    // Bytes taken over where they are belong to the registry they were taken over from, until that is gone for good.
    const stays = typeof data === 'string' && layout.isForeign(data) && !(await this.#isOtherGone());
    const key = typeof data === 'string' && !stays ? data : undefined;
    this.#doomed.set(digest, { digest, incarnation, data: key, size: stays ? 0 : size, object: { etag } });
  }

  /** Whether it was declared gone so long ago that an import which had begun before has ended. */
  async #isOtherGone(): Promise<boolean> {
    const { storage, rules, began } = this.#run;
    const found = await storage.read(retirementFormat, keys.retirement);
    return found?.value !== undefined && found.value.since + rules.grace <= began;
  }

  /**
   * The links, the bytes, the record: in this order, so that a crash leaves a record that says `deleting`, from which
   * any run goes on. Each goes only as it was when it was doomed: a push that has met the record begins a new life of
   * the blob, with a record and a link of its own and bytes under another key.
   */
  async *#delete(): AsyncGenerator<Step> {
    if (this.#doomed.size === 0) return;
    const { storage, rules, progress } = this.#run;
    const { phase } = progress;
    progress.phase = 'deleting';
    const batch = [...this.#doomed.values()];
    if (!rules.dryRun) await this.#deleteLinks();
    this.#doomed.clear();
    while (batch.length > 0) {
      const some = batch.splice(0, storage.removedAtOnce);
      const bytes = rules.dryRun ? [] : some.flatMap(({ data }) => data ?? []);
      const kept = await storage.removeBytes(bytes);
      const gone = some.filter(({ data }) => data === undefined || !kept.has(data));
      const steps = await mapLimited(gone, AT_ONCE, (doomed) => this.#deleteRecord(doomed));
      for (const step of steps) if (step !== undefined) yield step;
      for (const [key, cause] of kept)
        throw new StorageError(
          'UNAVAILABLE',
          `of ${kept.size} blobs the bytes stay, ${key} because ${cause.message}`,
          {
            cause,
          },
        );
    }
    progress.phase = phase;
  }

  async #deleteLinks(): Promise<void> {
    const { storage } = this.#run;
    for await (const page of repositoryKeys(storage, 'blobs')) {
      await forEachLimited(page, AT_ONCE, async (key) => {
        const doomed = this.#doomed.get(linkDigest(keys.holderOf(key), key) ?? '');
        if (doomed === undefined) return;
        const link = await storage.read(blobLinkFormat, key);
        if (link?.value?.incarnation === doomed.incarnation) await storage.remove(key, link.object);
      });
    }
  }

  async #deleteRecord({ digest, size, object }: Doomed): Promise<Step | undefined> {
    const { storage, rules, progress, blobs } = this.#run;
    if (!rules.dryRun && !(await storage.remove(keys.record(digest), object))) return undefined;
    progress.deleted += 1;
    progress.freed += size;
    return blobs.take({ action: 'delete', kind: 'blob', digest, bytes: size });
  }
}
