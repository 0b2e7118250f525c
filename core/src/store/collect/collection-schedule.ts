import type { CollectionFigures, Logger } from '@entrepot/plugin-sdk';
import type { Collection, CollectSummary } from './collection.ts';
import type { CollectionLease } from './collection-lease.ts';

/** How often a process looks whether collection is due, at the longest; milliseconds. */
const LOOK_EVERY = 15 * 60_000;

/** The figures of a process that has not collected. */
export const noCollection: CollectionFigures = { runs: 0, failures: 0, freed: 0 };

export interface CollectionScheduleOptions {
  /** Milliseconds between the end of a run and the next. */
  readonly interval: number;
  /** A run that ends when told to. */
  readonly begin: (signal: AbortSignal) => Pick<Collection, 'run'>;
  readonly lease: CollectionLease;
  readonly log: Logger;
}

/**
 * Collects garbage while the registry runs. All processes look, each at times of its own; the one that finds it due and
 * gets the lease does it.
 */
export class CollectionSchedule {
  readonly #options: CollectionScheduleOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #figures: CollectionFigures = noCollection;

  constructor(options: CollectionScheduleOptions) {
    this.#options = options;
  }

  get figures(): CollectionFigures {
    return this.#figures;
  }

  start(): void {
    const pause = Math.min(this.#options.interval, LOOK_EVERY) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#running = this.look().then(() => {
        if (!this.#stopped.signal.aborted) this.start();
      });
    }, pause).unref();
  }

  /** Breaks a run off; the next one goes on. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopped.abort(new Error('the registry stops'));
    await this.#running;
  }

  /** Collects if it is due and nobody else does. Never rejects. */
  async look(): Promise<void> {
    const { interval, lease, log } = this.#options;
    try {
      if (Date.now() - (await lease.lastEnd()) < interval) return;
      const taken = await lease.take();
      if ('heldBy' in taken) return;
      let summary: CollectSummary | undefined;
      try {
        log.info({}, 'garbage collection begins');
        summary = await this.#collect(AbortSignal.any([this.#stopped.signal, taken.signal]));
      } finally {
        await taken.release(summary !== undefined);
      }
      this.#figures = added(this.#figures, summary);
      log.info({ ...summary }, 'garbage collection has ended');
    } catch (error) {
      if (this.#stopped.signal.aborted)
        log.info({}, 'garbage collection was broken off; the next run goes on');
      else {
        this.#figures = { ...this.#figures, failures: this.#figures.failures + 1 };
        log.warn({ err: error }, 'garbage collection has failed; the next run goes on');
      }
    }
  }

  async #collect(signal: AbortSignal): Promise<CollectSummary> {
    const { begin, log } = this.#options;
    const run = begin(signal).run();
    for (;;) {
      const next = await run.next();
      if (next.done === true) return next.value;
      log.debug({ ...next.value }, 'garbage collection takes a step');
    }
  }
}

function added(
  { runs, failures, freed }: CollectionFigures,
  { seconds, damaged, blobs, manifests }: CollectSummary,
): CollectionFigures {
  return {
    runs: runs + 1,
    failures,
    freed: freed + blobs.freed + manifests.freed,
    last: { ended: Date.now(), seconds, damaged, waiting: blobs.waiting.bytes + manifests.waiting.bytes },
  };
}
