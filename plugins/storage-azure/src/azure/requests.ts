import { setTimeout as sleep } from 'node:timers/promises';
import { isStorageError, StorageError, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { codeOf, outcomeOf, statusOf, type Outcome } from './outcomes.ts';
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
}

export interface RequestsOptions {
  readonly attempts: number;
  /** Milliseconds. */
  readonly patience: number;
  readonly budget: RetryBudget;
  /** Hears of every attempt that has failed and is followed by another. */
  readonly onRetry: (what: string, outcome: Outcome, error: unknown) => void;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Milliseconds: the longest pause after the first attempt, and after many. */
const FIRST_PAUSE = { unknown: 50, busy: 200 };
const LONGEST_PAUSE = 5_000;

const codes: Readonly<Partial<Record<Outcome, StorageErrorCode>>> = {
  forgotten: 'UPLOAD_UNKNOWN',
  full: 'NO_SPACE',
};

/**
 * Sends requests: each attempt ends when nothing moves for too long, and what has failed by bad luck is tried again
 * after a random pause that grows, as long as the {@link RetryBudget} allows. Every request of this driver may be sent
 * twice: those without a condition do the same again, and those under one are told apart by the id that is written with
 * them (see Writes).
 */
export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
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
    }: RequestOptions<Expected> = {},
  ): Promise<Answer<Value, Expected>> {
    const { budget, onRetry } = this.#options;
    let doubt = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await withPatience(patience, work);
        budget.succeeded(attempt > 1);
        return { value };
      } catch (error) {
        // An answer that came and makes no sense is no bad luck.
        if (isStorageError(error)) throw error;
        const outcome = outcomeOf(error);
        const told = expected.find((one) => one === outcome);
        if (told !== undefined) return { outcome: told, doubt };
        const another = outcome === 'busy' || outcome === 'unknown';
        if (!another || attempt >= attempts || !budget.spend()) throw storageError(what, outcome, error);
        doubt ||= outcome === 'unknown';
        onRetry(what, outcome, error);
        await sleep(this.#pause(attempt, outcome));
      }
    }
  }

  /** Full jitter: anything up to a limit that doubles. */
  #pause(attempt: number, outcome: 'busy' | 'unknown'): number {
    return this.#options.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE[outcome] * 2 ** (attempt - 1));
  }
}

/** An error that was not expected, as the storage contract spells it. */
function storageError(what: string, outcome: Outcome, cause: unknown): StorageError {
  // The messages of Azure go on with request ids and times.
  const message = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause);
  const reason = [statusOf(cause) ?? '', codeOf(cause), message].filter((part) => part !== '').join(' ');
  return new StorageError(codes[outcome] ?? 'UNAVAILABLE', `Azure did not ${what}: ${reason}`, { cause });
}

/** Ends `work` when it has made no progress for `patience` milliseconds. */
async function withPatience<Value>(
  patience: number,
  work: (attempt: Attempt) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`nothing has moved for ${patience / 1000} s`, 'TimeoutError'));
  }, patience);
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(asError(signal.reason)));
  });
  try {
    // What waits for a token hears no signal.
    return await Promise.race([work({ signal, progress: () => timer.refresh() }), aborted]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
