import { setTimeout as pause } from 'node:timers/promises';
import { isStorageError } from '@entrepot/plugin-sdk';
import { forEachLimited, mapLimited } from '../concurrency.ts';
import { listAll } from '../listing.ts';
import type { Finding, Suspicion } from './finding.ts';
import type { Inspection } from './inspection.ts';

/** What looks at the object under one key. `[]` when it is as it should be, or has gone meanwhile. */
export type Examination = (key: string) => Promise<readonly Suspicion[]>;

/** Objects in a row that cannot be read: then it is the storage that is in trouble, and not they. */
const MAX_UNREADABLE = 100;

/**
 * Goes through the keys under a prefix, a page at a time. What looks wrong is looked at once more a little later, since
 * a push or a delete may have been under way, and counts only if it looks the same. Then it is repaired, if it is to be.
 */
export class StorageWalk {
  readonly #inspection: Inspection;
  #unreadable = 0;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  async *over(prefix: string, atOnce: number, examine: Examination): AsyncGenerator<Finding> {
    for await (const page of listAll(this.#inspection.driver, prefix)) yield* this.at(page, atOnce, examine);
  }

  /**
   * The same for these keys.
   * @throws StorageError when the storage is in trouble, or a repair cannot be written.
   */
  async *at(page: readonly string[], atOnce: number, examine: Examination): AsyncGenerator<Finding> {
    const { progress, waits } = this.#inspection;
    const suspects = new Map<string, ReadonlySet<string>>();
    await forEachLimited(page, atOnce, async (key) => {
      const suspicions = await this.#attempt(key, examine);
      if (suspicions.length > 0) suspects.set(key, new Set(suspicions.map(identityOf)));
      progress.objects += 1;
    });
    if (suspects.size === 0) return;
    await pause(waits.patience);
    const rest = [...suspects.keys()].sort();
    while (rest.length > 0) {
      // A few at a time: each suspicion may hold the bytes of what it is about.
      const again = await mapLimited(rest.splice(0, atOnce), atOnce, async (key) => {
        const suspicions = await this.#attempt(key, examine);
        return suspicions.filter((suspicion) => suspects.get(key)?.has(identityOf(suspicion)));
      });
      for (const suspicion of again.flat()) yield await this.#settle(suspicion);
    }
  }

  async #attempt(key: string, examine: Examination): Promise<readonly Suspicion[]> {
    try {
      const suspicions = await examine(key);
      this.#unreadable = 0;
      return suspicions;
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.#unreadable += 1;
      if (this.#unreadable > MAX_UNREADABLE) throw error;
      return [{ finding: { kind: 'unreadable', key, detail: `the storage says: ${error.message}` } }];
    }
  }

  async #settle({ finding, repair }: Suspicion): Promise<Finding> {
    if (!this.#inspection.options.repair || repair === undefined) return finding;
    try {
      const done = await repair();
      return done === undefined ? finding : { ...finding, repair: done };
    } catch (error) {
      // It has changed after all: what it is now, the next verification sees.
      if (isStorageError(error, 'PRECONDITION_FAILED')) return finding;
      throw error;
    }
  }
}

function identityOf({ finding: { kind, key } }: Suspicion): string {
  return `${kind} ${key}`;
}
