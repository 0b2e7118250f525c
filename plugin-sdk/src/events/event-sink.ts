import type { PluginContext, PluginHandle } from '../plugin.ts';
import { Delivery, systemClock, type Clock, type Deliver, type DeliveryLimits } from './delivery.ts';
import { EventFilter } from './event-filter.ts';
import { MemoryQueue } from './memory-queue.ts';
import { Outbox } from './outbox.ts';
import { auditActions, changeActions, isChange, type SinkEvent } from './sink-event.ts';
import type { SinkOptions } from './sink-options.ts';

const HOUR = 3_600_000;
/** Milliseconds between two looks for what replicas that have died have left, and how often what is kept is trimmed. */
const SURVEY_EVERY = 10_000;
const SWEEP_EVERY = 600_000;
/** Milliseconds for which a sink that stops goes on with what waits in memory. */
const FLUSH = 7000;

export interface EventSinkParts {
  /** Names the sink in storage: `webhook.ci`. Letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly options: SinkOptions;
  readonly deliver: Deliver;
  readonly clock?: Clock;
}

type Context = Pick<PluginContext<never>, 'name' | 'hooks' | 'log' | 'storage'>;

/**
 * What a plugin taps hooks with that delivers events: filter, durable queue, retries, dead letters. The plugin itself only
 * delivers one event.
 */
export class EventSink {
  readonly #parts: EventSinkParts;
  readonly #context: Context;
  readonly #clock: Clock;
  readonly #limits: DeliveryLimits;
  readonly #memory: MemoryQueue;
  readonly #fromMemory: Delivery;
  #outbox: { readonly queue: Outbox; readonly delivery: Delivery } | undefined;
  #surveying: Promise<void> | undefined;
  #cancelSurvey: (() => void) | undefined;
  #swept = 0;
  #isStopped = false;

  /** Taps the hooks; to be called in `setup`. */
  constructor(context: Context, parts: EventSinkParts) {
    const { options, clock = systemClock, deliver } = parts;
    const { hooks, log, name } = context;
    this.#parts = parts;
    this.#context = context;
    this.#clock = clock;
    this.#limits = {
      attempts: options.attempts,
      firstDelay: options.retrySeconds * 1000,
      maxDelay: options.maxRetrySeconds * 1000,
      maxAge: options.maxAgeHours * HOUR,
      timeout: options.timeoutSeconds * 1000,
    };
    this.#memory = new MemoryQueue(log, () => clock.now());
    this.#fromMemory = new Delivery(this.#memory, deliver, { limits: this.#limits, log, clock });
    const filter = new EventFilter(options);
    const isDurable = options.delivery === 'atLeastOnce' && filter.wantsAny(changeActions);
    if (isDurable)
      hooks.record.tapPromise(name, async (events) => {
        const wanted = events.filter((event) => filter.passes(event));
        if (wanted.length > 0) await this.#record(wanted);
      });
    if (filter.wantsAny(isDurable ? ['pull'] : ['pull', ...changeActions]))
      hooks.event.tap(name, (event) => {
        if (!(isDurable && isChange(event)) && filter.passes(event)) this.#remember(event);
      });
    if (filter.wantsAny(auditActions))
      hooks.audit.tap(name, (event) => {
        if (filter.passes(event)) this.#remember(event);
      });
  }

  /** What `setup` gives, for a plugin that is one sink. */
  handle(): PluginHandle {
    return { start: () => this.start(), health: () => this.health(), stop: () => this.stop() };
  }

  async start(): Promise<void> {
    if (this.#parts.options.delivery === 'atLeastOnce' && this.#context.storage() !== undefined) {
      this.#open();
      this.#survey();
    }
  }

  /** Unhealthy while the receiver is taken for down. */
  async health(): Promise<void> {
    if (!this.#fromMemory.isDown && this.#outbox?.delivery.isDown !== true) return;
    throw new Error(`the receiver of ${this.#parts.name} is down; ${this.waiting} entries wait for it`);
  }

  /** Entries that wait, as far as is known here. */
  get waiting(): number {
    return this.#memory.waiting + (this.#outbox?.queue.waiting ?? 0);
  }

  /** What waits in storage stays there for the next start, or for another replica; what waits in memory has some seconds. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelSurvey?.();
    const deadline = this.#clock.now() + FLUSH;
    while (this.#memory.waiting > 0 && this.#clock.now() < deadline && !this.#fromMemory.isDown)
      await new Promise<void>((resolve) => void this.#clock.after(20, resolve));
    await Promise.all([this.#fromMemory.stop(), this.#outbox?.delivery.stop(), this.#surveying]);
    if (this.#memory.waiting > 0)
      this.#context.log.warn({ lost: this.#memory.waiting }, 'events that waited in memory are lost');
  }

  /** @throws StorageError when it cannot be told whether the events are durable. */
  async #record(events: readonly SinkEvent[]): Promise<void> {
    const { queue, delivery } = this.#open();
    const lane = await queue.append(events);
    if (lane !== undefined) delivery.wake(lane);
    else {
      this.#context.log.error(
        { events: events.length, waiting: queue.waiting },
        'the queue of events in storage is full: they wait in memory',
      );
      for (const event of events) this.#remember(event);
    }
  }

  #remember(event: SinkEvent): void {
    const lane = this.#memory.append(event);
    if (lane !== undefined) this.#fromMemory.wake(lane);
  }

  #open(): { readonly queue: Outbox; readonly delivery: Delivery } {
    if (this.#outbox !== undefined) return this.#outbox;
    const driver = this.#context.storage();
    if (driver === undefined) throw new Error('there is no storage to keep events in');
    const { log } = this.#context;
    const { name, options, deliver } = this.#parts;
    const queue = new Outbox(driver, name, {
      maxBytes: options.maxBytes,
      keepFor: options.keepHours * HOUR,
      log,
      now: () => this.#clock.now(),
    });
    const delivery = new Delivery(queue, deliver, { limits: this.#limits, log, clock: this.#clock });
    this.#outbox = { queue, delivery };
    return this.#outbox;
  }

  /** Looks for what waits, now and then again: entries of replicas that have died, and of the command line. */
  #survey(): void {
    if (this.#isStopped) return;
    const began = this.#clock.now();
    this.#surveying = this.#look().finally(() => {
      this.#surveying = undefined;
      if (this.#isStopped) return;
      // A long queue takes long to look through: no more than a tenth of the time is spent on that.
      const pause = Math.max(SURVEY_EVERY, 10 * (this.#clock.now() - began)) * (0.8 + 0.4 * Math.random());
      this.#cancelSurvey = this.#clock.after(pause, () => this.#survey());
    });
  }

  async #look(): Promise<void> {
    const { queue, delivery } = this.#open();
    const { log } = this.#context;
    try {
      for (const lane of await queue.survey()) delivery.wake(lane);
      if (this.#clock.now() - this.#swept < SWEEP_EVERY) return;
      this.#swept = this.#clock.now();
      const lost = await queue.sweep();
      if (lost > 0) log.error({ lost }, 'the oldest dead letters were deleted: there were too many');
    } catch (error) {
      log.warn({ err: error }, 'storage is in trouble: it is not known which events wait');
    }
  }
}
