import { setTimeout as pause } from 'node:timers/promises';
import { isStorageError } from '@entrepot/plugin-sdk';
import { blobRecordFormat } from '../blob-records.ts';
import { forEachLimited } from '../concurrency.ts';
import { layout } from '../distribution/layout.ts';
import { retiredSince } from '../distribution/retirement.ts';
import { keys } from '../keys.ts';
import { listAll } from '../listing.ts';
import type { RecordFormat } from '../records.ts';
import { sessionFormat } from '../sessions.ts';
import type { Finding } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';
import { uploadTimeOf } from './places.ts';

/** Suspects looked at in one go; of more, the rest is found the next time. */
const MAX = 100_000;
const READS_AT_ONCE = 32;

/**
 * Looks for bytes that nothing refers to.
 *
 * Nothing says of bytes whose they are, so all that could refer to them is read: once before, which leaves the suspects,
 * and once more after they have been seen, some time later. Bytes become visible only when they are whole, and then
 * their upload still stands or their record is being written: whatever was visible before the second reading and is not
 * referred to after it never will be. The young are left alone all the same.
 */
export class OrphanSearch {
  readonly #inspection: Inspection;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async *run(): AsyncGenerator<Finding> {
    const { driver, options, progress, waits } = this.#inspection;
    const suspects = new Set<string>();
    yield* this.#collect(suspects);
    if (suspects.size === 0) return;
    progress.isWaiting = true;
    await pause(options.repair ? waits.settle : waits.patience);
    progress.isWaiting = false;
    const isCertain = await this.#acquit(suspects);
    for (const key of suspects) {
      const size = await driver.size(key);
      if (size === undefined || (await this.#inspection.quarantine.hasNoted(key))) continue;
      const detail = `nothing refers to these ${size} bytes`;
      const finding: Finding = { kind: 'orphaned-data', key, detail };
      if (!options.repair || !isCertain) {
        yield finding;
        continue;
      }
      // Keys of bytes are never used again, so there is no version to compare.
      await driver.delete(key);
      yield { ...finding, repair: 'removed them' };
    }
  }

  /** First what may be nobody's. */
  async *#collect(suspects: Set<string>): AsyncGenerator<Finding> {
    const { driver, claims, progress, waits } = this.#inspection;
    const youngest = Date.now() - waits.safetyAge;
    const retired = await retiredSince(driver);
    // What lies there belongs to the other registry, or, when that is gone for good, to nobody but us.
    if (retired !== undefined && retired <= youngest) await this.#collectForeign(suspects);
    for await (const page of listAll(driver, keys.bytes)) {
      for (const key of page) {
        const began = uploadTimeOf(key);
        if (began === undefined) {
          yield { kind: 'foreign-object', key, detail: 'no key of this registry; it is left alone' };
        } else if (began <= youngest && suspects.size < MAX && !claims.has(key)) suspects.add(key);
      }
      progress.objects += page.length;
    }
  }

  async #collectForeign(suspects: Set<string>): Promise<void> {
    const { driver, claims } = this.#inspection;
    for await (const page of listAll(driver, layout.blobs)) {
      for (const key of page) if (suspects.size < MAX && !claims.has(key)) suspects.add(key);
    }
  }

  /** Takes out what is referred to. Whether all that could refer to something could be read. */
  async #acquit(suspects: Set<string>): Promise<boolean> {
    const { driver, claims } = this.#inspection;
    let isCertain = claims.areComplete;
    const read = async (prefix: string, format: RecordFormat<{ readonly data: unknown }>): Promise<void> => {
      for await (const page of listAll(driver, prefix)) {
        await forEachLimited(page, READS_AT_ONCE, async (key) => {
          const found = await this.#read(key, format);
          if (found === 'unknown') isCertain = false;
          else if (typeof found?.data === 'string') suspects.delete(found.data);
        });
      }
    };
    // Uploads first: one that ends meanwhile has written its record by then.
    await read(keys.uploads, sessionFormat);
    await read(keys.records, blobRecordFormat);
    return isCertain;
  }

  async #read<Value>(key: string, format: RecordFormat<Value>): Promise<Value | 'unknown' | undefined> {
    try {
      const found = await inspect(this.#inspection, format, key);
      return found === undefined ? undefined : (found.value ?? 'unknown');
    } catch (error) {
      if (!isStorageError(error)) throw error;
      return 'unknown';
    }
  }
}
