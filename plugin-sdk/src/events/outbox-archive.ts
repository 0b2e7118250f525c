import { isStorageError } from '../errors.ts';
import type { StorageDriver } from '../storage.ts';
import { decodeEntry, decodeLetter } from './entry-format.ts';
import { parseEntryName } from './entry-name.ts';
import type { DeadLetter } from './event-queue.ts';
import { outboxKeys, outboxRoot, sinkOf } from './outbox-keys.ts';
import type { Outbox } from './outbox.ts';
import type { SinkEvent } from './sink-event.ts';

const PAGE = 1000;

/** The names of the sinks that have something in storage. */
export async function sinksIn(driver: StorageDriver): Promise<readonly string[]> {
  const sinks: string[] = [];
  for (let startAfter = ''; ;) {
    const [key] = (await driver.list(outboxRoot, { startAfter, limit: 1 })).keys;
    if (key === undefined) return sinks;
    const sink = sinkOf(key);
    sinks.push(sink);
    // `0` is the character behind `/`: the first key behind all that begin with the name and `/`.
    startAfter = `${outboxRoot}${sink}0`;
  }
}

export interface KeptEntry {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly events: readonly SinkEvent[];
}

export interface KeptLetter extends DeadLetter {
  /** Names it for {@link OutboxArchive.retry}. */
  readonly letter: string;
}

/** What the outbox of a sink has delivered and given up, for whoever wants to have it delivered again. */
export class OutboxArchive {
  readonly #driver: StorageDriver;
  readonly #outbox: Outbox;
  readonly #keys: ReturnType<typeof outboxKeys>;

  /** `outbox` is that of the same sink. */
  constructor(driver: StorageDriver, sink: string, outbox: Outbox) {
    this.#driver = driver;
    this.#outbox = outbox;
    this.#keys = outboxKeys(sink);
  }

  /** Kept entries whose names come after `after`, in their order: that of time. */
  async *entries(after: string): AsyncGenerator<KeptEntry> {
    for await (const key of this.#keysUnder(this.#keys.kept, after === '' ? '' : this.#keys.kept + after)) {
      const entry = await this.#entry(key);
      if (entry !== undefined) yield entry;
    }
  }

  /**
   * Has kept entries written from `since` to `until` delivered again, both in milliseconds since 1970: each is written to
   * the queue before it is deleted here, and kept again once it has been delivered. Gives how many events that are.
   */
  async replay(since: number, until: number): Promise<number> {
    let events = 0;
    for await (const entry of this.entries(`${String(since).padStart(13, '0')}-`)) {
      if (entry.time > until) break;
      await this.#append(entry.events);
      await this.#driver.delete(this.#keys.keptEntry(entry.name));
      events += entry.events.length;
    }
    return events;
  }

  async *letters(): AsyncGenerator<KeptLetter> {
    for await (const key of this.#keysUnder(this.#keys.dead)) {
      const object = await this.#driver.read(key);
      const letter = object === undefined ? undefined : decodeLetter(object.bytes);
      if (letter !== undefined) yield { ...letter, letter: this.#keys.nameOf(key) };
    }
  }

  /**
   * Has a dead letter delivered again, behind all that waits. Whether there is such a letter. It is written to the queue
   * before it is deleted: a crash in between leaves it in both.
   */
  async retry(name: string): Promise<boolean> {
    const key = `${this.#keys.dead}${name}`;
    const object = await this.#driver.read(key);
    const letter = object === undefined ? undefined : decodeLetter(object.bytes);
    if (object === undefined || letter === undefined) return false;
    await this.#append([letter.event]);
    try {
      await this.#driver.delete(key, { ifMatch: object.etag });
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
    return true;
  }

  async #append(events: readonly SinkEvent[]): Promise<void> {
    if ((await this.#outbox.append(events)) === undefined)
      throw new Error('the queue of the sink is full; go on when its receiver has caught up');
  }

  async #entry(key: string): Promise<KeptEntry | undefined> {
    const name = this.#keys.nameOf(key);
    const time = parseEntryName(name)?.time;
    const object = time === undefined ? undefined : await this.#driver.read(key);
    const entry = object === undefined ? undefined : decodeEntry(object.bytes);
    if (time === undefined || entry === undefined || 'damaged' in entry) return undefined;
    return { name, time, events: entry.events };
  }

  async *#keysUnder(prefix: string, after = ''): AsyncGenerator<string> {
    let startAfter = after;
    for (let more = true; more;) {
      const page = await this.#driver.list(prefix, { startAfter, limit: PAGE });
      yield* page.keys;
      startAfter = page.keys.at(-1) ?? startAfter;
      ({ more } = page);
    }
  }
}
