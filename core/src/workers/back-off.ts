/** A process that has lived so long is sound: what ends it later is no loop. Milliseconds. */
const SOUND_AFTER = 10_000;
/** Milliseconds before the second replacement in a row; each further one waits twice as long, up to the longest. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 10_000;
/** Replacements in a row that may end early, some 45 seconds: time for a short outage of what a start needs to pass. */
const REPLACEMENTS = 10;

/** How patiently a process that ends again and again is replaced. */
export class BackOff {
  #endedEarly = 0;

  /**
   * Milliseconds to wait before a process that has served so many is replaced: none after a long life. `undefined` when
   * it is time to give up.
   */
  next(served: number): number | undefined {
    if (served >= SOUND_AFTER) this.#endedEarly = 0;
    if (this.#endedEarly >= REPLACEMENTS) return undefined;
    const delay = this.#endedEarly === 0 ? 0 : FIRST_DELAY * 2 ** (this.#endedEarly - 1);
    this.#endedEarly += 1;
    return Math.min(delay, LONGEST_DELAY);
  }
}
