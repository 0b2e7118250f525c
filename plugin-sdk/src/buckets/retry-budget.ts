/** As many as the retry quota of the AWS SDKs: 100 retries that all fail, then one for every five requests that succeed. */
const CAPACITY = 500;
const COST = 5;

/**
 * Keeps a backend that is down from being buried under retries: each one costs, what succeeds pays back, and with
 * nothing left every request has one attempt. Shared by all requests of a process.
 */
export class RetryBudget {
  #left = CAPACITY;

  /** Whether one more attempt may be made; it is paid for then. */
  spend(): boolean {
    if (this.#left < COST) return false;
    this.#left -= COST;
    return true;
  }

  /** A request has succeeded, perhaps only on a later attempt. */
  succeeded(later: boolean): void {
    this.#left = Math.min(CAPACITY, this.#left + (later ? COST : 1));
  }
}
