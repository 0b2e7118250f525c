import { randomUUID } from 'node:crypto';
import { isStorageError, type Logger, type RepositoryUsage, type StorageDriver } from '@entrepot/plugin-sdk';
import { added, type Limit, type Used } from './limits.ts';
import {
  addedSince,
  encode,
  places,
  readAdditions,
  readCount,
  sumOf,
  type Additions,
  type Count,
} from './records.ts';

export interface LedgerOptions {
  readonly storage: StorageDriver;
  /** Counts what is stored. */
  readonly usage: () => AsyncIterable<RepositoryUsage>;
  readonly limits: readonly Limit[];
  /** Milliseconds after which all is counted anew. */
  readonly recount: number;
  readonly log: Logger;
  /** Ends a count that is being made. */
  readonly signal: AbortSignal;
}

/** Milliseconds after which whoever counts is taken for dead. */
const COUNTING_TAKES = 3_600_000;
/** Processes whose additions are read. */
const MOST_PROCESSES = 1000;

/**
 * What repositories take: the last count, which any process makes and all share, and what each process has accepted
 * since. Nothing is locked. A count is the truth of storage, so whatever the sum has wrong lasts until the next.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #id = randomUUID();
  #count: Count | undefined;
  #own: Additions = [];
  /** Whether others can read it. */
  #isTold = true;
  #others: Used = {};
  /** Accepted since the last exchange. */
  #untold: Used = {};

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Bytes under a limit; `undefined` until all has been counted once. */
  used({ repositories }: Limit): number | undefined {
    const counted = this.#count?.used[repositories];
    if (this.#count === undefined || counted === undefined) return undefined;
    const own = addedSince(this.#own, this.#count.at)[repositories] ?? 0;
    return counted + own + (this.#untold[repositories] ?? 0) + (this.#others[repositories] ?? 0);
  }

  /** A repository has got so many bytes more. */
  add(repository: string, bytes: number): void {
    this.#untold = added(this.#untold, this.#options.limits, repository, bytes);
  }

  /** Tells the other processes what this one has accepted, and hears the same of them. @throws StorageError */
  async exchange(): Promise<void> {
    const { storage } = this.#options;
    const found = await storage.read(places.count);
    this.#count = found === undefined ? undefined : readCount(found.bytes);
    const since = this.#count?.at ?? 0;
    if (Object.keys(this.#untold).length > 0) {
      const told = { at: Date.now(), used: this.#untold };
      this.#untold = {};
      this.#own = [...this.#own.filter(({ at }) => at >= since), told];
      this.#isTold = false;
    }
    if (!this.#isTold) {
      const record = encode({ additions: this.#own }, randomUUID());
      await storage.write(places.additionsOf(this.#id), record, { transient: true });
      this.#isTold = true;
    }
    let others: Used = {};
    const { keys } = await storage.list(places.additions, { limit: MOST_PROCESSES });
    for (const key of keys) {
      if (key === places.additionsOf(this.#id)) continue;
      const bytes = (await storage.read(key))?.bytes ?? new Uint8Array();
      const additions = readAdditions(bytes);
      // Whoever wrote it writes it again with the next that it accepts.
      if (additions.every(({ at }) => at < since)) await storage.delete(key);
      others = sumOf(others, addedSince(additions, since));
    }
    this.#others = others;
  }

  /**
   * Counts all that is stored, if that is due and nobody else does. Whether it did. Two that count at once harm nothing.
   * @throws StorageError
   */
  async recount(): Promise<boolean> {
    const { storage, usage, limits, recount, log, signal } = this.#options;
    const found = await storage.read(places.count);
    const before = found === undefined ? undefined : readCount(found.bytes);
    const began = Date.now();
    const isComplete = limits.every(({ repositories }) => before?.used[repositories] !== undefined);
    if (isComplete && began - (before?.at ?? 0) < recount) return false;
    if (before?.counting !== undefined && began - before.counting < COUNTING_TAKES) return false;
    const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
    const claim = { at: before?.at ?? 0, used: before?.used ?? {}, counting: began };
    try {
      await storage.write(places.count, encode(claim, randomUUID()), condition);
    } catch (error) {
      // Another process has begun.
      if (isStorageError(error, 'PRECONDITION_FAILED')) return false;
      throw error;
    }
    let used: Used = Object.fromEntries(limits.map(({ repositories }) => [repositories, 0]));
    for await (const { repository, bytes } of usage()) {
      used = added(used, limits, repository, bytes);
      if (!signal.aborted) continue;
      // Whoever is left counts.
      await storage.write(places.count, encode({ at: claim.at, used: claim.used }, randomUUID()));
      return false;
    }
    // What was accepted while it was counted may be in it, or not: it is added, so that no limit is missed.
    await storage.write(places.count, encode({ at: began, used }, randomUUID()));
    log.info({ used, seconds: (Date.now() - began) / 1000 }, 'what repositories take has been counted');
    return true;
  }
}
