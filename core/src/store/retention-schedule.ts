import type { Logger } from '@entrepot/plugin-sdk';
import type { CollectionLease } from './collect/collection-lease.ts';
import type { RetentionSummary, TagRetention } from './tag-retention.ts';

/** How often a process looks whether retention is due, at the longest; milliseconds. */
const LOOK_EVERY = 15 * 60_000;

export interface RetentionScheduleOptions {
  /** Milliseconds between the end of a run and the next. */
  readonly interval: number;
  /** A run that ends when told to. */
  readonly begin: (signal: AbortSignal) => Pick<TagRetention, 'run'>;
  readonly lease: CollectionLease;
  readonly log: Logger;
}

/**
 * Drops tags by rules while the registry runs. All processes look, each at times of its own; the one that finds it due
 * and gets the lease does it.
 */
export class RetentionSchedule {
  readonly #options: RetentionScheduleOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RetentionScheduleOptions) {
    this.#options = options;
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

  /** Drops what is to go if it is due and nobody else does. Never rejects. */
  async look(): Promise<void> {
    const { interval, lease, log } = this.#options;
    try {
      if (Date.now() - (await lease.lastEnd()) < interval) return;
      const taken = await lease.take();
      if ('heldBy' in taken) return;
      let summary: RetentionSummary | undefined;
      try {
        summary = await this.#run(AbortSignal.any([this.#stopped.signal, taken.signal]));
      } finally {
        await taken.release(summary !== undefined);
      }
      log.info({ ...summary }, 'tags have been looked through by the rules of retention');
    } catch (error) {
      if (this.#stopped.signal.aborted) log.info({}, 'retention was broken off; the next run goes on');
      else log.warn({ err: error }, 'retention has failed; the next run goes on');
    }
  }

  async #run(signal: AbortSignal): Promise<RetentionSummary> {
    const { begin, log } = this.#options;
    const run = begin(signal).run();
    for (;;) {
      const next = await run.next();
      if (next.done === true) return next.value;
      const { outcome, repository, tag, digest, rule } = next.value;
      if (outcome === 'dropped') log.info({ repository, tag, digest, rule }, 'a tag has been dropped');
    }
  }
}
