import { createHash, randomUUID } from 'node:crypto';
import type { SinkEvent } from './sink-event.ts';

/** Lanes of a queue: events of one repository are all in one, in which they keep their order. */
export const lanes: readonly string[] = Array.from('0123456789abcdef');

const NAME = /^(\d{13})-(\d{6})-([0-9a-f]{8})-[0-9a-f-]{36}-(\d{1,9})$/;

/** What the name of an entry says: names sort by time, and are read without reading the entry. */
export interface EntryName {
  /** When it was written, in milliseconds since 1970. */
  readonly time: number;
  /** Stands for the repository: a hash of its name. */
  readonly repository: string;
  /** Bytes of the entry. */
  readonly bytes: number;
}

/** Makes the names of one process: each sorts behind all that were made before, also within a millisecond. */
export class EntryNames {
  readonly #now: () => number;
  #last = 0;
  #count = 0;

  /** `now` in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  next(repository: string, bytes: number): string {
    const now = Math.max(this.#now(), this.#last);
    this.#count = now === this.#last ? this.#count + 1 : 0;
    this.#last = this.#count > 999_999 ? now + 1 : now;
    if (this.#last > now) this.#count = 0;
    const time = String(this.#last).padStart(13, '0');
    const count = String(this.#count).padStart(6, '0');
    return `${time}-${count}-${repository}-${randomUUID()}-${bytes}`;
  }
}

/** What the name says; `undefined` when it is none. */
export function parseEntryName(name: string): EntryName | undefined {
  const [, time, , repository, bytes] = NAME.exec(name) ?? [];
  if (time === undefined || repository === undefined || bytes === undefined) return undefined;
  return { time: Number(time), repository, bytes: Number(bytes) };
}

/** The repository of an event as names have it. Events of no repository are in order among themselves. */
export function repositoryHash(event: SinkEvent): string {
  const repository = 'repository' in event ? event.repository : '';
  return createHash('sha256').update(repository).digest('hex').slice(0, 8);
}

/** The lane of a repository, by its hash. */
export function laneOf(repository: string): string {
  return repository.slice(0, 1);
}
