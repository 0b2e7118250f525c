import type { StorageCall, Verb } from './passage.ts';

/** How a call has ended for the registry. An error of the storage itself is not counted: it is the storage's own. */
export type CallEnd = 'answered' | 'throttled' | 'failed' | 'lost';

/** Calls of one verb by their end, and the bytes all of them have carried to storage. */
export type VerbCounts = Readonly<Record<CallEnd | 'bytes', number>>;

const NONE: VerbCounts = { answered: 0, throttled: 0, failed: 0, lost: 0, bytes: 0 };

/** Counts storage calls. */
export class CallCounts {
  readonly #counts = new Map<Verb, VerbCounts>();

  count({ verb, bytes }: StorageCall, end: CallEnd): void {
    const counts = this.#counts.get(verb) ?? NONE;
    this.#counts.set(verb, { ...counts, [end]: counts[end] + 1, bytes: counts.bytes + bytes });
  }

  /** By verb; what was never called is left out. */
  get byVerb(): Readonly<Partial<Record<Verb, VerbCounts>>> {
    return Object.fromEntries(this.#counts);
  }

  /** Calls of all verbs, whatever became of them. */
  get total(): number {
    let total = 0;
    for (const { bytes: _, ...ends } of this.#counts.values())
      for (const calls of Object.values(ends)) total += calls;
    return total;
  }
}
