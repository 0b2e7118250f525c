import type { CollectionFigures, Logger } from '@entrepot/plugin-sdk';
import { LeasedSchedule, type LeasedScheduleOptions } from '../leased-schedule.ts';
import type { Collection, CollectSummary } from './collection.ts';

/** The figures of a process that has not collected. */
export const noCollection: CollectionFigures = { runs: 0, failures: 0, freed: 0 };

export interface CollectionScheduleOptions extends LeasedScheduleOptions {
  /** A run that ends when told to. */
  readonly begin: (signal: AbortSignal) => Pick<Collection, 'run'>;
  readonly log: Logger;
}

/** Collects garbage while the registry runs. */
export class CollectionSchedule extends LeasedSchedule<CollectSummary> {
  readonly #options: CollectionScheduleOptions;
  #figures: CollectionFigures = noCollection;

  constructor(options: CollectionScheduleOptions) {
    super(options);
    this.#options = options;
  }

  get figures(): CollectionFigures {
    return this.#figures;
  }

  protected async run(signal: AbortSignal): Promise<CollectSummary> {
    const { begin, log } = this.#options;
    log.info({}, 'garbage collection begins');
    const run = begin(signal).run();
    for (;;) {
      const next = await run.next();
      if (next.done === true) return next.value;
      log.debug({ ...next.value }, 'garbage collection takes a step');
    }
  }

  protected ended(summary: CollectSummary): void {
    this.#figures = added(this.#figures, summary);
    this.#options.log.info({ ...summary }, 'garbage collection has ended');
  }

  protected brokenOff(): void {
    this.#options.log.info({}, 'garbage collection was broken off; the next run goes on');
  }

  protected failed(error: unknown): void {
    this.#figures = { ...this.#figures, failures: this.#figures.failures + 1 };
    this.#options.log.warn({ err: error }, 'garbage collection has failed; the next run goes on');
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
