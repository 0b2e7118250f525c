import type { Hooks, Logger, RegistryEvent, RegistryFigures } from '@entrepot/plugin-sdk';
import { TapQueue } from './tap-queue.ts';

/** Events that may wait for their taps. */
const CAPACITY = 10_000;
/** Events that taps work on at once. */
const AT_ONCE = 16;

/** Hands events to the `event` taps once the client has been answered. */
export class EventBus {
  readonly #hooks: Hooks;
  readonly #queue: TapQueue<RegistryEvent>;

  constructor(hooks: Hooks, log: Logger) {
    this.#hooks = hooks;
    this.#queue = new TapQueue({
      what: 'events',
      capacity: CAPACITY,
      atOnce: AT_ONCE,
      show: (event) => hooks.event.promise(event),
      log,
    });
  }

  get figures(): RegistryFigures['events'] {
    return { waiting: this.#queue.waiting, dropped: this.#queue.dropped };
  }

  publish(events: readonly RegistryEvent[]): void {
    if (events.length > 0 && this.#hooks.event.isUsed()) this.#queue.add(events);
  }

  /** Waits until the taps are done with all events, at most so long. What is left then is dropped, and counted in the log. */
  drain(milliseconds: number): Promise<void> {
    return this.#queue.drain(milliseconds);
  }
}
