import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '@entrepot/plugin-sdk';
import type { CallCounts } from './call-counts.ts';
import type { Passage, StorageCall } from './passage.ts';

/** What a line to storage is like. */
export interface Troubles {
  /** Milliseconds each call takes at least, besides what storage takes. */
  readonly latency: number;
  /** Up to so many milliseconds more. */
  readonly jitter: number;
  /** Calls per second; what comes beyond is refused. */
  readonly callsPerSecond: number;
  /** Share of calls, 0 to 1, that fail and have not happened. */
  readonly failures: number;
  /** Share of calls, 0 to 1, that happen, and their answer is lost. */
  readonly lostAnswers: number;
}

/** Time and its passing, so that a test need not wait. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: async (milliseconds) => {
    await sleep(milliseconds);
  },
};

/**
 * Makes calls slow, refuses some, loses the answers of others, and counts them. What happens to the first call, the
 * second and so on depends on the seed alone, but for throttling, which depends on the clock.
 */
export class TroubledLine implements Passage {
  readonly #troubles: Troubles;
  readonly #counts: CallCounts;
  readonly #dice: () => number;
  readonly #clock: Clock;
  /** Calls that may pass at once: a second's worth gathers at most. */
  #allowance: number;
  #countedAt: number;

  /** `dice` gives numbers from 0 up to 1, as {@link diceOf} does. */
  constructor(troubles: Troubles, counts: CallCounts, dice: () => number, clock: Clock = realClock) {
    this.#troubles = troubles;
    this.#counts = counts;
    this.#dice = dice;
    this.#clock = clock;
    this.#allowance = troubles.callsPerSecond;
    this.#countedAt = clock.now();
  }

  async pass<Answer>(call: StorageCall, perform: () => Promise<Answer>): Promise<Answer> {
    const { latency, jitter, failures, lostAnswers } = this.#troubles;
    const wait = latency + this.#dice() * jitter;
    const fate = this.#dice();
    const mayPass = this.#mayPass();
    if (wait > 0) await this.#clock.sleep(wait);
    if (!mayPass) throw this.#refusal(call, 'throttled', 'too many calls');
    if (fate < failures) throw this.#refusal(call, 'failed', 'the call has not reached storage');
    const answer = await perform();
    if (fate < failures + lostAnswers) throw this.#refusal(call, 'lost', 'the answer of storage is lost');
    this.#counts.count(call, 'answered');
    return answer;
  }

  #mayPass(): boolean {
    const { callsPerSecond } = this.#troubles;
    const now = this.#clock.now();
    const gathered = this.#allowance + ((now - this.#countedAt) / 1000) * callsPerSecond;
    this.#countedAt = now;
    this.#allowance = Math.min(callsPerSecond, gathered);
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }

  #refusal(call: StorageCall, end: 'throttled' | 'failed' | 'lost', what: string): StorageError {
    this.#counts.count(call, end);
    return new StorageError('UNAVAILABLE', `simulated: ${what} (${call.verb} ${call.key})`);
  }
}

/** The same numbers from 0 up to 1 for the same seed, well mixed (mulberry32). */
export function diceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
