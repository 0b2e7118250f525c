import { isStorageError } from '../errors.ts';
import type { Logger } from '../plugin.ts';
import type { StorageDriver } from '../storage.ts';
import { decodeEntry, encodeEntry, encodeLetter } from './entry-format.ts';
import { EntryNames, laneOf, parseEntryName, repositoryHash } from './entry-name.ts';
import type { DeadLetter, Entry, EntryPage, EventQueue, HeldLane } from './event-queue.ts';
import { LaneLeases } from './lane-leases.ts';
import { outboxKeys } from './outbox-keys.ts';
import type { SinkEvent } from './sink-event.ts';

/** Names asked for at once. */
const PAGE = 1000;
/** Events of one entry at most: a delete of a manifest with ten thousand tags has as many events. */
const EVENTS_AT_ONCE = 500;

export interface OutboxOptions {
  /** Bytes that entries may have together: those that wait, and by themselves those that are kept and the dead letters. */
  readonly maxBytes: number;
  /** Milliseconds for which delivered entries are kept, to be delivered again. 0: not at all. */
  readonly keepFor: number;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The events of one sink that are in storage until they have been delivered. All replicas share it.
 *
 * The order of writes, and why a crash between any two loses nothing: an entry is written, whole, before the request is
 * answered that it tells of; it is deleted only when each of its events has been delivered, or written as a dead letter,
 * and, where they are kept, once it has been written among the kept ones. A crash before the deletion has the entry
 * delivered again. A dead letter has its entry's name, so that written twice it is still one.
 */
export class Outbox implements EventQueue {
  readonly #driver: StorageDriver;
  readonly #keys: ReturnType<typeof outboxKeys>;
  readonly #options: OutboxOptions;
  readonly #names: EntryNames;
  readonly #leases: LaneLeases;
  /** Bytes that wait, as far as is known here: all at the last {@link survey}, and what was added and removed here since. */
  #bytes = 0;
  #count = 0;

  constructor(driver: StorageDriver, sink: string, options: OutboxOptions) {
    this.#driver = driver;
    this.#keys = outboxKeys(sink);
    this.#options = options;
    this.#names = new EntryNames(options.now);
    this.#leases = new LaneLeases(driver, this.#keys.lanes, options.log, options.now);
  }

  /** Entries that wait, as far as is known here. */
  get waiting(): number {
    return this.#count;
  }

  /**
   * Makes the events of one request durable, which are all of one repository. Gives the lane they are in; `undefined`
   * when there is no room for them. @throws StorageError when it cannot be told whether they are.
   */
  async append(events: readonly SinkEvent[]): Promise<string | undefined> {
    const [first] = events;
    if (first === undefined) return undefined;
    const repository = repositoryHash(first);
    const lane = laneOf(repository);
    for (let index = 0; index < events.length; index += EVENTS_AT_ONCE) {
      const bytes = encodeEntry(events.slice(index, index + EVENTS_AT_ONCE));
      if (this.#bytes + bytes.length > this.#options.maxBytes) return undefined;
      const key = this.#keys.entry(lane, this.#names.next(repository, bytes.length));
      await this.#driver.write(key, bytes, { ifAbsent: true });
      this.#bytes += bytes.length;
      this.#count += 1;
    }
    return lane;
  }

  async page(lane: string, after: string): Promise<EntryPage> {
    const startAfter = after === '' ? {} : { startAfter: this.#keys.entry(lane, after) };
    const page = await this.#driver.list(this.#keys.lane(lane), { ...startAfter, limit: PAGE });
    return { names: page.keys.map(this.#keys.nameOf), more: page.more };
  }

  async read(lane: string, name: string): Promise<Entry | undefined> {
    const object = await this.#driver.read(this.#keys.entry(lane, name));
    return object === undefined ? undefined : decodeEntry(object.bytes);
  }

  async remove(lane: string, name: string, delivered: readonly SinkEvent[]): Promise<void> {
    if (this.#options.keepFor > 0 && delivered.length > 0)
      await this.#put(this.#keys.keptEntry(name), encodeEntry(delivered));
    await this.#driver.delete(this.#keys.entry(lane, name));
    this.#bytes = Math.max(0, this.#bytes - (parseEntryName(name)?.bytes ?? 0));
    this.#count = Math.max(0, this.#count - 1);
  }

  async setAside(name: string, index: number, letter: DeadLetter): Promise<void> {
    await this.#put(this.#keys.letter(name, index), encodeLetter(letter));
  }

  take(lane: string): Promise<HeldLane | undefined> {
    return this.#leases.take(lane);
  }

  /** Looks through all that waits. Gives the lanes that have something. */
  async survey(): Promise<ReadonlySet<string>> {
    const lanes = new Set<string>();
    let [bytes, count] = [0, 0];
    await this.#walk(this.#keys.queue, (key) => {
      const name = parseEntryName(this.#keys.nameOf(key));
      if (name === undefined) return;
      lanes.add(laneOf(name.repository));
      bytes += name.bytes;
      count += 1;
    });
    this.#bytes = bytes;
    this.#count = count;
    return lanes;
  }

  /**
   * Deletes what has been kept for long enough, and of that and of the dead letters the oldest beyond `maxBytes` each.
   * Gives how many dead letters went.
   */
  async sweep(): Promise<number> {
    const { keepFor, maxBytes, now } = this.#options;
    await this.#trim(this.#keys.kept, { notBefore: now() - keepFor, maxBytes });
    return this.#trim(this.#keys.dead, { notBefore: 0, maxBytes });
  }

  /** Names sort by time: from the newest on, what fits stays. */
  async #trim(
    prefix: string,
    { notBefore, maxBytes }: { readonly notBefore: number; readonly maxBytes: number },
  ): Promise<number> {
    let bytes = 0;
    await this.#walk(prefix, (key) => {
      bytes += this.#nameIn(key)?.bytes ?? 0;
    });
    let deleted = 0;
    await this.#walk(prefix, async (key) => {
      const name = this.#nameIn(key);
      if (name === undefined || (name.time >= notBefore && bytes <= maxBytes)) return;
      await this.#driver.delete(key);
      bytes -= name.bytes;
      deleted += 1;
    });
    return deleted;
  }

  #nameIn(key: string): ReturnType<typeof parseEntryName> {
    return parseEntryName(this.#keys.nameOf(key).replace(/\.\d+$/, ''));
  }

  /** The same entry may have been written before a crash. */
  async #put(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#driver.write(key, bytes, { ifAbsent: true });
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }

  async #walk(prefix: string, visit: (key: string) => void | Promise<void>): Promise<void> {
    let startAfter: string | undefined;
    for (let more = true; more;) {
      const page = await this.#driver.list(prefix, {
        ...(startAfter === undefined ? {} : { startAfter }),
        limit: PAGE,
      });
      for (const key of page.keys) await visit(key);
      startAfter = page.keys.at(-1) ?? startAfter;
      ({ more } = page);
    }
  }
}
