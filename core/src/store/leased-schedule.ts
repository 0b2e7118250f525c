import type { CollectionLease } from './collect/collection-lease.ts';

/** How often a process looks whether a run is due, at the longest; milliseconds. */
const LOOK_EVERY = 15 * 60_000;

export interface LeasedScheduleOptions {
  /** Milliseconds between the end of a run and the next. */
  readonly interval: number;
  readonly lease: CollectionLease;
}

/**
 * Does something now and then while the registry runs. All processes look, each at times of its own; the one that finds
 * a run due and gets the lease does it.
 */
export abstract class LeasedSchedule<Summary> {
  readonly #interval: number;
  readonly #lease: CollectionLease;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor({ interval, lease }: LeasedScheduleOptions) {
    this.#interval = interval;
    this.#lease = lease;
  }

  start(): void {
    const pause = Math.min(this.#interval, LOOK_EVERY) * (0.5 + Math.random() / 2);
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

  /** Runs if it is due and nobody else does. Never rejects. */
  async look(): Promise<void> {
    try {
      if (Date.now() - (await this.#lease.lastEnd()) < this.#interval) return;
      const taken = await this.#lease.take();
      if ('heldBy' in taken) return;
      let isDone = false;
      let summary: Summary;
      try {
        summary = await this.run(AbortSignal.any([this.#stopped.signal, taken.signal]));
        isDone = true;
      } finally {
        await taken.release(isDone);
      }
      this.ended(summary);
    } catch (error) {
      if (this.#stopped.signal.aborted) this.brokenOff();
      else this.failed(error);
    }
  }

  /** One run, which ends when told to. */
  protected abstract run(signal: AbortSignal): Promise<Summary>;
  /** A run has come to its end. */
  protected abstract ended(summary: Summary): void;
  /** The registry stops in the middle of a run. */
  protected abstract brokenOff(): void;
  protected abstract failed(error: unknown): void;
}
