import type { Pace } from './pace.ts';

/** Deliveries that fail one after the other, after which the receiver is taken for down. */
const THRESHOLD = 5;

/**
 * Leaves a receiver alone that is down: after some failures in a row nothing is sent for a while, then one event by itself,
 * and the rest when that one has come through. Shared by all lanes of a sink.
 */
export class Circuit {
  readonly #pace: Pace;
  #failures = 0;
  #openUntil = 0;
  #isProbing = false;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Whether the receiver is taken for down. */
  get isOpen(): boolean {
    return this.#failures >= THRESHOLD;
  }

  /** Milliseconds for which nothing is to be sent. */
  rest(now: number): number {
    if (now < this.#openUntil) return this.#openUntil - now;
    return this.isOpen && this.#isProbing ? this.#pace.first : 0;
  }

  /** Takes leave to send, which ends with {@link succeeded} or {@link failed}. Whether there was any. */
  enter(now: number): boolean {
    if (this.rest(now) > 0) return false;
    this.#isProbing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openUntil = 0;
    this.#isProbing = false;
  }

  /** `retryAfter` is the time the receiver asks for, in milliseconds. */
  failed(now: number, retryAfter: number | undefined): void {
    this.#failures += 1;
    this.#isProbing = false;
    const pause = this.isOpen ? this.#pace.after(this.#failures - THRESHOLD + 1) : 0;
    this.#openUntil = now + Math.max(pause, Math.min(retryAfter ?? 0, this.#pace.most));
  }
}
