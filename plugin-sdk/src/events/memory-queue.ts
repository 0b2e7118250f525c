import type { Logger } from '../plugin.ts';
import { EntryNames, laneOf, repositoryHash } from './entry-name.ts';
import type { DeadLetter, Entry, EntryPage, EventQueue, HeldLane } from './event-queue.ts';
import { isChange, type SinkEvent } from './sink-event.ts';

/** Events of each kind that may wait: a flood of denials takes no place from pushes. */
const CAPACITY = { change: 10_000, pull: 2000, access: 1000 } as const;
/** Names given at once. */
const PAGE = 100;

/** Events that wait in memory: they are gone with the process, and what there is no room for is dropped and counted. */
export class MemoryQueue implements EventQueue {
  readonly #log: Logger;
  readonly #names: EntryNames;
  readonly #lanes = new Map<string, Map<string, SinkEvent>>();
  readonly #counts = { change: 0, pull: 0, access: 0 };
  #dropped = 0;
  #isFull = false;

  /** `now` in milliseconds since 1970. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#names = new EntryNames(now);
  }

  get waiting(): number {
    return this.#counts.change + this.#counts.pull + this.#counts.access;
  }

  /** Events that were dropped because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Gives the lane the event waits in; `undefined` when it is dropped. The log is told once each time there is no room. */
  append(event: SinkEvent): string | undefined {
    const kind = kindOf(event);
    if (this.#counts[kind] >= CAPACITY[kind]) {
      this.#dropped += 1;
      if (!this.#isFull)
        this.#log.warn({ kind, dropped: this.#dropped }, 'events are dropped: the receiver is too slow');
      this.#isFull = true;
      return undefined;
    }
    this.#isFull = false;
    this.#counts[kind] += 1;
    const repository = repositoryHash(event);
    const lane = laneOf(repository);
    const entries = this.#lanes.get(lane) ?? new Map<string, SinkEvent>();
    this.#lanes.set(lane, entries.set(this.#names.next(repository, 0), event));
    return lane;
  }

  async page(lane: string, after: string): Promise<EntryPage> {
    const names: string[] = [];
    for (const name of this.#lanes.get(lane)?.keys() ?? []) {
      if (name <= after) continue;
      if (names.length === PAGE) return { names, more: true };
      names.push(name);
    }
    return { names, more: false };
  }

  async read(lane: string, name: string): Promise<Entry | undefined> {
    const event = this.#lanes.get(lane)?.get(name);
    return event === undefined ? undefined : { events: [event] };
  }

  async remove(lane: string, name: string): Promise<void> {
    const entries = this.#lanes.get(lane);
    const event = entries?.get(name);
    if (event === undefined) return;
    entries?.delete(name);
    this.#counts[kindOf(event)] -= 1;
  }

  async setAside(_name: string, _index: number, { event, reason, attempts }: DeadLetter): Promise<void> {
    const { id, action } = event;
    this.#log.error({ event: id, action, reason, attempts }, 'an event could not be delivered and is lost');
  }

  /** Nobody else is there. */
  async take(): Promise<HeldLane> {
    return { isLost: false, release: async () => undefined };
  }
}

function kindOf(event: SinkEvent): keyof typeof CAPACITY {
  if (isChange(event)) return 'change';
  return event.kind === 'access' ? 'access' : 'pull';
}
