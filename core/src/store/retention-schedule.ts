import type { Logger } from '@entrepot/plugin-sdk';
import { LeasedSchedule, type LeasedScheduleOptions } from './leased-schedule.ts';
import type { RetentionSummary, TagRetention } from './tag-retention.ts';

export interface RetentionScheduleOptions extends LeasedScheduleOptions {
  /** A run that ends when told to. */
  readonly begin: (signal: AbortSignal) => Pick<TagRetention, 'run'>;
  readonly log: Logger;
}

/** Drops tags by rules while the registry runs. */
export class RetentionSchedule extends LeasedSchedule<RetentionSummary> {
  readonly #options: RetentionScheduleOptions;

  constructor(options: RetentionScheduleOptions) {
    super(options);
    this.#options = options;
  }

  protected async run(signal: AbortSignal): Promise<RetentionSummary> {
    const { begin, log } = this.#options;
    const run = begin(signal).run();
    for (;;) {
      const next = await run.next();
      if (next.done === true) return next.value;
      const { outcome, repository, tag, digest, rule } = next.value;
      if (outcome === 'dropped') log.info({ repository, tag, digest, rule }, 'a tag has been dropped');
    }
  }

  protected ended(summary: RetentionSummary): void {
    this.#options.log.info({ ...summary }, 'tags have been looked through by the rules of retention');
  }

  protected brokenOff(): void {
    this.#options.log.info({}, 'retention was broken off; the next run goes on');
  }

  protected failed(error: unknown): void {
    this.#options.log.warn({ err: error }, 'retention has failed; the next run goes on');
  }
}
