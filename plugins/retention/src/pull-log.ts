import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { PullRecords } from './pull-records.ts';

/** Milliseconds between two times at which what has been pulled is written down. */
const WRITE_EVERY = 300_000;
/** Tags and digests remembered until then, in all repositories. More are lost, and then all count as pulled. */
const MAX_NAMES = 50_000;

export interface PullLogOptions {
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How many events nobody has been told of, so far. */
  readonly dropped: () => number;
}

/**
 * Remembers pulls, and writes them down now and then. No pull waits for that. Of a process that is killed, the pulls
 * since it wrote last are lost.
 */
export class PullLog {
  readonly #options: PullLogOptions;
  readonly #repositories = new Map<string, Map<string, number>>();
  #names = 0;
  #isIncomplete = false;
  #dropped = 0;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #records: PullRecords | undefined;

  constructor(options: PullLogOptions) {
    this.#options = options;
  }

  /** Begins to record. @throws StorageError when it cannot. */
  async open(driver: StorageDriver): Promise<void> {
    const { now, dropped } = this.#options;
    this.#records = new PullRecords(driver);
    await this.#records.record(now());
    this.#dropped = dropped();
    this.#timer = setInterval(() => void this.write(), WRITE_EVERY).unref();
  }

  /** `name` is a tag or a digest. */
  note(repository: string, name: string): void {
    if (this.#records === undefined) return;
    const names = this.#repositories.get(repository) ?? new Map<string, number>();
    if (!names.has(name)) {
      if (this.#names >= MAX_NAMES) {
        this.#isIncomplete = true;
        return;
      }
      this.#names += 1;
    }
    names.set(name, this.#options.now());
    this.#repositories.set(repository, names);
  }

  /** Writes down what has been pulled. What cannot be written is kept for the next time. Never rejects. */
  write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
    this.#records = undefined;
  }

  async #write(): Promise<void> {
    const { log, now, dropped } = this.#options;
    const records = this.#records;
    if (records === undefined) return;
    try {
      const lost = this.#isIncomplete || dropped() > this.#dropped;
      await (lost ? records.lose(now()) : records.record(now()));
      if (lost) log.warn({}, 'there were too many pulls to record them: all tags count as pulled until now');
      this.#isIncomplete = false;
      this.#dropped = dropped();
      for (const [repository, names] of [...this.#repositories]) {
        this.#repositories.delete(repository);
        this.#names -= names.size;
        await this.#writeOne(records, repository, names);
      }
    } catch (error) {
      log.warn({ err: error }, 'pulls could not be recorded; they are kept until they can be');
    }
  }

  async #writeOne(
    records: PullRecords,
    repository: string,
    names: ReadonlyMap<string, number>,
  ): Promise<void> {
    try {
      await records.add(repository, names, this.#options.now());
    } catch (error) {
      const since = this.#repositories.get(repository) ?? new Map<string, number>();
      const all = new Map([...names, ...since]);
      this.#names += all.size - since.size;
      this.#repositories.set(repository, all);
      throw error;
    }
  }
}
