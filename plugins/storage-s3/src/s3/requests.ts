import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { outcomeOf, statusOf, type Outcome } from './outcomes.ts';
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

export interface RequestsOptions {
  readonly attempts: number;
  /** Milliseconds an attempt may go without progress. */
  readonly patience: number;
  /** Milliseconds after which no further attempt begins. */
  readonly deadline: number;
  readonly budget: RetryBudget;
  /** Gets new credentials. */
  readonly renewCredentials: () => Promise<unknown>;
  /** Hears of every attempt that has failed and is followed by another. */
  readonly onRetry: (what: string, outcome: Outcome, error: unknown) => void;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Milliseconds of the deadline that each byte adds: a line that takes 100 kB/s is slow, not dead. */
const PER_BYTE = 0.01;
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
 * twice: those without a condition do the same again, and those under one are told apart by their mark (see Writes).
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
      bytes = 0,
    }: RequestOptions<Expected> = {},
  ): Promise<Answer<Value, Expected>> {
    const { budget, onRetry } = this.#options;
    const deadline = performance.now() + this.#options.deadline + bytes * PER_BYTE;
    let doubt = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await withPatience(patience, work);
        budget.succeeded(attempt > 1);
        return { value };
      } catch (error) {
        const outcome = outcomeOf(error);
        const told = expected.find((one) => one === outcome);
        if (told !== undefined) return { outcome: told, doubt };
        if (
          !isWorthAnother(outcome) ||
          attempt >= attempts ||
          performance.now() > deadline ||
          !budget.spend()
        ) {
          throw storageError(what, outcome, error);
        }
        doubt ||= outcome === 'unknown';
        onRetry(what, outcome, error);
        if (outcome === 'expired') await this.#options.renewCredentials().catch(() => undefined);
        await sleep(this.#pause(attempt, outcome));
      }
    }
  }

  /** Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog): anything up to a limit that doubles. */
  #pause(attempt: number, outcome: Outcome): number {
    const first = outcome === 'busy' ? FIRST_PAUSE.busy : FIRST_PAUSE.unknown;
    return this.#options.random() * Math.min(LONGEST_PAUSE, first * 2 ** (attempt - 1));
  }
}

/** An error that was not expected, as the storage contract spells it. */
export function storageError(what: string, outcome: Outcome, cause: unknown): StorageError {
  const code = codes[outcome] ?? 'UNAVAILABLE';
  const status = statusOf(cause);
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new StorageError(code, `S3 did not ${what}: ${status === undefined ? '' : `${status} `}${reason}`, {
    cause,
  });
}

function isWorthAnother(outcome: Outcome): boolean {
  return outcome === 'busy' || outcome === 'expired' || outcome === 'unknown';
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
  try {
    return await work({ signal, progress: () => timer.refresh() });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}
