import { setTimeout as sleep } from 'node:timers/promises';
import { isStorageError, StorageError, type StorageErrorCode } from '../errors.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What a request gets for one attempt. */
export interface Attempt {
  /** Aborted when nothing has moved for too long. */
  readonly signal: AbortSignal;
  /** To be called whenever bytes have moved. */
  readonly progress: () => void;
}

/** A value, or one of the outcomes that the caller has asked to be told about. */
export type Answer<Value, Expected> =
  | { readonly value: Value; readonly outcome?: undefined }
  | {
      readonly value?: undefined;
      readonly outcome: Expected;
      /** An earlier attempt may have been carried out although no answer has come. */
      readonly doubt: boolean;
    };

export interface RequestOptions<Expected> {
  readonly expected?: readonly Expected[];
  /** Attempts, when not as many as usual. */
  readonly attempts?: number;
  /** Milliseconds an attempt may go without progress, when not as many as usual. */
  readonly patience?: number;
  /** Bytes it carries, for which it gets more time. */
  readonly bytes?: number;
}

/**
 * The ends of a request after which it is sent again.
 *
 * - `busy`: told to come later; certainly nothing was done.
 * - `expired`: the credentials or the date of the request are too old; certainly nothing was done.
 * - `unknown`: no answer, or one that does not say; it may have been done, or be done yet.
 */
export type Retried = 'busy' | 'expired' | 'unknown';

/** How one backend says what has become of a request. `Outcome` are the ways to end, other than well. */
export interface Backend<Outcome extends string> {
  /** For messages: `S3`. */
  readonly name: string;
  /** What an error means. */
  readonly outcomeOf: (error: unknown) => Outcome | Retried;
  /** What to say of an error that ends a request, in one line. */
  readonly reasonOf: (error: unknown) => string;
  /** The errors of the contract for outcomes that nobody expected; `UNAVAILABLE` for the others. */
  readonly codes: Readonly<Partial<Record<Outcome | Retried, StorageErrorCode>>>;
}

export interface RequestsOptions<Outcome extends string> {
  readonly attempts: number;
  /** Milliseconds an attempt may go without progress. */
  readonly patience: number;
  /** Milliseconds after which no further attempt begins, if attempts alone are no bound. */
  readonly deadline?: number;
  readonly budget: RetryBudget;
  /** Gets new credentials, after `expired`. */
  readonly renewCredentials?: () => Promise<unknown>;
  /** Hears of every attempt that has failed and is followed by another. */
  readonly onRetry: (what: string, outcome: Outcome | Retried, error: unknown) => void;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Milliseconds of the deadline that each byte adds: a line that takes 100 kB/s is slow, not dead. */
const PER_BYTE = 0.01;
/** Milliseconds: the longest pause after the first attempt, and after many. */
const FIRST_PAUSE = { unknown: 50, expired: 50, busy: 200 };
const LONGEST_PAUSE = 5_000;

/**
 * Sends requests: each attempt ends when nothing moves for too long, and what has failed by bad luck is tried again
 * after a random pause that grows, as long as the {@link RetryBudget} allows. So it is for requests that may be sent
 * twice: because they do the same again, or because those under a condition are told apart by what they write.
 */
export class Requests<Outcome extends string> {
  readonly #backend: Backend<Outcome>;
  readonly #options: RequestsOptions<Outcome>;

  constructor(backend: Backend<Outcome>, options: RequestsOptions<Outcome>) {
    this.#backend = backend;
    this.#options = options;
  }

  /**
   * @param what For the message of an error: `write uploads/1`.
   * @throws StorageError when it ends otherwise than well or as `expected`.
   */
  async send<Value, Expected extends Outcome = never>(
    what: string,
    work: (attempt: Attempt) => Promise<Value>,
    {
      expected = [],
      attempts = this.#options.attempts,
      patience = this.#options.patience,
      bytes = 0,
    }: RequestOptions<Expected> = {},
  ): Promise<Answer<Value, Expected>> {
    const { budget, onRetry, deadline = Infinity } = this.#options;
    const end = performance.now() + deadline + bytes * PER_BYTE;
    let doubt = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await withPatience(patience, work);
        budget.succeeded(attempt > 1);
        return { value };
      } catch (error) {
        // An answer that came and makes no sense is no bad luck.
        if (isStorageError(error)) throw error;
        const outcome = this.#backend.outcomeOf(error);
        const told = expected.find((one) => one === outcome);
        if (told !== undefined) return { outcome: told, doubt };
        const isLate = attempt >= attempts || performance.now() > end;
        if (!isRetried(outcome) || isLate || !budget.spend()) throw this.#refusal(what, outcome, error);
        doubt ||= outcome === 'unknown';
        onRetry(what, outcome, error);
        if (outcome === 'expired') await this.#renewCredentials();
        await sleep(this.#pause(attempt, outcome));
      }
    }
  }

  /** Should it fail, the next attempt is refused as this one was; the log has the reason. */
  async #renewCredentials(): Promise<void> {
    try {
      await this.#options.renewCredentials?.();
    } catch (error) {
      this.#options.onRetry('renew the credentials', 'expired', error);
    }
  }

  /** Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog): anything up to a limit that doubles. */
  #pause(attempt: number, outcome: Retried): number {
    return this.#options.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE[outcome] * 2 ** (attempt - 1));
  }

  /** An error that was not expected, as the storage contract spells it. */
  #refusal(what: string, outcome: Outcome | Retried, cause: unknown): StorageError {
    const { name, codes, reasonOf } = this.#backend;
    return new StorageError(codes[outcome] ?? 'UNAVAILABLE', `${name} did not ${what}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

function isRetried(outcome: string): outcome is Retried {
  return outcome === 'busy' || outcome === 'expired' || outcome === 'unknown';
}

/** Ends `work` when it has made no progress for `patience` milliseconds. */
async function withPatience<Value>(
  patience: number,
  work: (attempt: Attempt) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const { signal } = controller;
  const late = new DOMException(`nothing has moved for ${patience / 1000} s`, 'TimeoutError');
  const timer = setTimeout(() => controller.abort(late), patience);
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(late));
  });
  try {
    // What waits for a token hears no signal.
    return await Promise.race([work({ signal, progress: () => timer.refresh() }), aborted]);
  } catch (error) {
    throw signal.aborted ? late : error;
  } finally {
    clearTimeout(timer);
  }
}
