import { StorageError } from '@entrepot/plugin-sdk';

/** How often calls are looked through, in milliseconds, unless limits are shorter. */
const LOOK_EVERY = 1_000;

interface WatchedCall {
  readonly deadline: number;
  readonly giveUp: () => void;
}

/**
 * Gives calls up that take too long. One timer looks through all of them, so that watching a call costs next to
 * nothing. When one runs out of time, storage is taken for dead until it answers anything: meanwhile calls are given up
 * sooner, and requests do not pile up behind it.
 */
export class CallWatch {
  readonly #whileDead: number;
  readonly #calls = new Set<WatchedCall>();
  #isDead = false;
  #timer: NodeJS.Timeout | undefined;

  /** `whileDead` is the longest wait, in milliseconds, while storage is taken for dead. */
  constructor(whileDead: number) {
    this.#whileDead = whileDead;
  }

  /**
   * Settles as `call` does, or gives it up after `limit` milliseconds.
   * @throws StorageError `UNAVAILABLE`
   */
  over<Result>(call: Promise<Result>, limit: number): Promise<Result> {
    const patience = this.#isDead ? Math.min(limit, this.#whileDead) : limit;
    return new Promise((resolve, reject) => {
      const watched: WatchedCall = {
        deadline: performance.now() + patience,
        giveUp: () => {
          reject(new StorageError('UNAVAILABLE', `storage has not answered within ${patience / 1000} s`));
        },
      };
      const answered = (): void => {
        this.#isDead = false;
        this.#calls.delete(watched);
      };
      this.#calls.add(watched);
      this.#timer ??= setInterval(() => this.#look(), Math.min(LOOK_EVERY, patience)).unref();
      call.then(
        (result) => {
          answered();
          resolve(result);
        },
        (error: unknown) => {
          answered();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  #look(): void {
    const now = performance.now();
    for (const watched of this.#calls) {
      if (watched.deadline > now) continue;
      this.#calls.delete(watched);
      this.#isDead = true;
      watched.giveUp();
    }
    if (this.#calls.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
