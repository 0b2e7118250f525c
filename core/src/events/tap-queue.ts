import type { Logger } from '@entrepot/plugin-sdk';
import { waitAtMost } from '../time-limit.ts';

export interface TapQueueOptions<Item> {
  /** What is in it, for the log: `events`. */
  readonly what: string;
  /** Items that may wait. More are dropped, and counted in the log: a slow tap must not fill memory. */
  readonly capacity: number;
  /** Items that taps work on at once. */
  readonly atOnce: number;
  /** Shows an item to the taps. */
  readonly show: (item: Item) => Promise<void>;
  readonly log: Logger;
}

/** Items that wait for their taps. Nobody waits for a tap. */
export class TapQueue<Item extends { readonly id: string; readonly action: string }> {
  readonly #options: TapQueueOptions<Item>;
  readonly #waiting: Item[] = [];
  #working = 0;
  /** Dropped since the log was told last, and before that. */
  #dropped = 0;
  #droppedBefore = 0;
  #becameIdle: (() => void) | undefined;

  constructor(options: TapQueueOptions<Item>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Items no tap has heard of, because too many waited. */
  get dropped(): number {
    return this.#droppedBefore + this.#dropped;
  }

  add(items: readonly Item[]): void {
    const { capacity, atOnce } = this.#options;
    for (const item of items) {
      if (this.#waiting.length < capacity) this.#waiting.push(item);
      else this.#dropped += 1;
    }
    while (this.#working < atOnce && this.#waiting.length > 0) void this.#work();
  }

  /** Waits until the taps are done with all items, at most so long. What is left then is dropped, and counted in the log. */
  async drain(milliseconds: number): Promise<void> {
    if (this.#working === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#becameIdle = resolve;
    });
    await waitAtMost(milliseconds, idle);
    const waiting = this.#waiting.splice(0).length;
    if (this.#working === 0) return;
    this.#options.log.warn(
      { dropped: waiting, unfinished: this.#working },
      `the registry stops before the taps are done with its ${this.#options.what}: they are too slow`,
    );
  }

  async #work(): Promise<void> {
    const { log, show, what } = this.#options;
    this.#working += 1;
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      try {
        await show(item);
      } catch (error) {
        log.error({ err: error, event: item.id, action: item.action }, 'an event tap failed');
      }
    }
    this.#working -= 1;
    if (this.#dropped > 0) {
      log.warn({ dropped: this.#dropped }, `${what} were dropped: their taps are too slow`);
      this.#droppedBefore += this.#dropped;
      this.#dropped = 0;
    }
    if (this.#working === 0) this.#becameIdle?.();
  }
}
