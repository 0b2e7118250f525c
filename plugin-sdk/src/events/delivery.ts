import type { Logger } from '../plugin.ts';
import { withinTimeout } from './attempt.ts';
import { Circuit } from './circuit.ts';
import { deliveryErrorOf, type DeliveryError } from './delivery-error.ts';
import { lanes, parseEntryName } from './entry-name.ts';
import type { Entry, EventQueue, HeldLane } from './event-queue.ts';
import { Pace } from './pace.ts';
import type { SinkEvent } from './sink-event.ts';

/**
 * Gives one event to the receiver; what has been given may be given again. @throws DeliveryError that says what is wrong;
 * anything else counts as `failed`.
 */
export type Deliver = (event: SinkEvent, signal: AbortSignal) => Promise<void>;

export interface DeliveryLimits {
  /** Attempts with an event that `failed`, after which it is set aside. */
  readonly attempts: number;
  /** Milliseconds before the second attempt, and the most between two. */
  readonly firstDelay: number;
  readonly maxDelay: number;
  /** Milliseconds after which an event is set aside whose receiver is `unavailable`. */
  readonly maxAge: number;
  /** Milliseconds that an attempt may take. */
  readonly timeout: number;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `work` once, after so many milliseconds, unless what is given back is called before. */
  after(milliseconds: number, work: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, work) {
    const timer = setTimeout(work, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

/** Milliseconds after which a lane is looked at again that somebody else had, or that storage did not let us look at. */
const LOOK_AGAIN = 1000;

/** An event that could not be delivered yet: those behind it of the same repository wait for it. */
interface Trouble {
  readonly name: string;
  readonly index: number;
  readonly attempts: number;
  readonly until: number;
  /** Of the events before it, those that were given up. */
  readonly givenUp: readonly number[];
}

class Lane {
  readonly name: string;
  readonly trouble = new Map<string, Trouble>();
  running: Promise<void> | undefined;
  isSignalled = false;
  cancelTimer: (() => void) | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Delivers what waits in a queue: in order for each repository, lane beside lane. An event that fails is tried again later,
 * with those of other repositories in between; one that is given up becomes a dead letter and is in nobody's way.
 */
export class Delivery {
  readonly #queue: EventQueue;
  readonly #deliver: Deliver;
  readonly #limits: DeliveryLimits;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #circuit: Circuit;
  readonly #lanes = new Map(lanes.map((name) => [name, new Lane(name)]));
  readonly #stopped = new AbortController();

  constructor(
    queue: EventQueue,
    deliver: Deliver,
    { limits, log, clock = systemClock }: { limits: DeliveryLimits; log: Logger; clock?: Clock },
  ) {
    this.#queue = queue;
    this.#deliver = deliver;
    this.#limits = limits;
    this.#log = log;
    this.#clock = clock;
    this.#pace = new Pace(limits.firstDelay, limits.maxDelay);
    this.#circuit = new Circuit(this.#pace);
  }

  /** Whether the receiver is taken for down. */
  get isDown(): boolean {
    return this.#circuit.isOpen;
  }

  /** Looks at a lane: something has been put there. */
  wake(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined || this.#stopped.signal.aborted) return;
    lane.isSignalled = true;
    lane.cancelTimer?.();
    lane.cancelTimer = undefined;
    lane.running ??= this.#run(lane).finally(() => {
      lane.running = undefined;
    });
  }

  /** Resolves when no lane is being worked on: all is delivered, or waits for its next attempt. */
  async settled(): Promise<void> {
    for (;;) {
      const running = [...this.#lanes.values()].flatMap((lane) => lane.running ?? []);
      if (running.length === 0) return;
      await Promise.all(running);
    }
  }

  /** Ends what is under way; what has not been delivered stays where it is. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the registry stops'));
    for (const lane of this.#lanes.values()) lane.cancelTimer?.();
    await this.settled();
  }

  async #run(lane: Lane): Promise<void> {
    let next: number | undefined;
    while (lane.isSignalled && !this.#stopped.signal.aborted) {
      lane.isSignalled = false;
      const pause = this.#circuit.rest(this.#clock.now());
      next = pause > 0 ? this.#clock.now() + pause : await this.#work(lane);
    }
    if (next === undefined || this.#stopped.signal.aborted) return;
    lane.cancelTimer = this.#clock.after(Math.max(1, next - this.#clock.now()), () => this.wake(lane.name));
  }

  /** Gives when there is something to do again; `undefined` when nothing is left. */
  async #work(lane: Lane): Promise<number | undefined> {
    try {
      const held = await this.#queue.take(lane.name);
      if (held === undefined) return this.#clock.now() + LOOK_AGAIN;
      try {
        let pass = await this.#pass(lane, held);
        while (pass.hasMoved && !this.#isOver(held)) pass = await this.#pass(lane, held);
        return held.isLost ? this.#clock.now() + LOOK_AGAIN : pass.next;
      } finally {
        await held.release();
      }
    } catch (error) {
      this.#log.warn({ err: error, lane: lane.name }, 'storage is in trouble: events wait to be delivered');
      return this.#clock.now() + LOOK_AGAIN;
    }
  }

  #isOver(held: HeldLane): boolean {
    return this.#stopped.signal.aborted || held.isLost;
  }

  /** Goes through the lane once. */
  async #pass(lane: Lane, held: HeldLane): Promise<{ hasMoved: boolean; next: number | undefined }> {
    const waiting = new Set<string>();
    let hasMoved = false;
    let next: number | undefined;
    const wait = (repository: string, until: number): void => {
      waiting.add(repository);
      next = Math.min(next ?? Infinity, until);
    };
    let after = '';
    for (let more = true; more;) {
      const page = await this.#queue.page(lane.name, after);
      for (const name of page.names) {
        if (this.#isOver(held)) return { hasMoved, next };
        const repository = parseEntryName(name)?.repository;
        if (repository === undefined || waiting.has(repository)) continue;
        const until = lane.trouble.get(repository)?.until ?? 0;
        const now = this.#clock.now();
        const pause = this.#circuit.rest(now);
        if (until > now) wait(repository, until);
        else if (pause > 0) return { hasMoved: false, next: Math.min(next ?? Infinity, now + pause) };
        else if (await this.#send(lane, name, repository)) hasMoved = true;
        else wait(repository, lane.trouble.get(repository)?.until ?? now + this.#pace.first);
      }
      after = page.names.at(-1) ?? after;
      ({ more } = page);
    }
    for (const repository of lane.trouble.keys())
      if (!waiting.has(repository)) lane.trouble.delete(repository);
    return { hasMoved, next };
  }

  /** Whether the entry is done with. */
  async #send(lane: Lane, name: string, repository: string): Promise<boolean> {
    const entry = await this.#queue.read(lane.name, name);
    if (entry === undefined) return true;
    const events = this.#eventsOf(name, entry);
    const before = lane.trouble.get(repository);
    const first = before?.name === name ? before.index : 0;
    const givenUp = before?.name === name ? [...before.givenUp] : [];
    for (const [index, event] of events.entries()) {
      if (index < first) continue;
      const failures = before?.name === name && before.index === index ? before.attempts : 0;
      const now = this.#clock.now();
      if (!this.#circuit.enter(now)) {
        lane.trouble.set(repository, {
          name,
          index,
          attempts: failures,
          until: now + this.#pace.first,
          givenUp,
        });
        return false;
      }
      const error = await this.#attempt(event);
      if (error === undefined) continue;
      if (this.#stopped.signal.aborted && error.fault !== 'rejected') return false;
      const attempts = failures + 1;
      if (!this.#isGivenUp(name, error, attempts)) {
        const until = this.#clock.now() + Math.max(this.#pace.after(attempts), error.retryAfter ?? 0);
        lane.trouble.set(repository, { name, index, attempts, until, givenUp });
        return false;
      }
      const since = new Date(this.#clock.now()).toISOString();
      givenUp.push(index);
      await this.#queue.setAside(name, index, { event, reason: error.message, attempts, since });
      this.#log.error({ event: event.id, reason: error.message, attempts }, 'an event became a dead letter');
    }
    const delivered = events.filter((_event, index) => !givenUp.includes(index));
    await this.#queue.remove(lane.name, name, delivered);
    lane.trouble.delete(repository);
    return true;
  }

  #eventsOf(name: string, entry: Entry): readonly SinkEvent[] {
    if ('events' in entry) return entry.events;
    this.#log.error(
      { entry: name, bytes: entry.damaged },
      'an entry of the queue of events is damaged and is lost',
    );
    return [];
  }

  /** What went wrong, if anything did. An attempt that outlasts its time has failed, whatever becomes of it. */
  async #attempt(event: SinkEvent): Promise<DeliveryError | undefined> {
    try {
      const { timeout } = this.#limits;
      await withinTimeout((signal) => this.#deliver(event, signal), timeout, this.#stopped.signal);
      this.#circuit.succeeded();
      return undefined;
    } catch (thrown) {
      const error = deliveryErrorOf(thrown);
      if (error.fault === 'rejected') this.#circuit.succeeded();
      else this.#circuit.failed(this.#clock.now(), error.retryAfter);
      this.#log.warn(
        { event: event.id, fault: error.fault, reason: error.message },
        'an event was not delivered',
      );
      return error;
    }
  }

  #isGivenUp(name: string, { fault }: DeliveryError, attempts: number): boolean {
    if (fault === 'rejected') return true;
    if (fault === 'failed') return attempts >= this.#limits.attempts;
    return this.#clock.now() - (parseEntryName(name)?.time ?? 0) > this.#limits.maxAge;
  }
}
