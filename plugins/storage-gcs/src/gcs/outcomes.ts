import type { Backend } from '@entrepot/plugin-sdk/buckets';

/**
 * How a request can end, other than well.
 *
 * - `absent`: there is no such object (and there is the bucket).
 * - `refused`: `ifGenerationMatch` did not hold.
 * - `unchanged`: the object is the generation that is known already (304).
 * - `pastEnd`: the range begins behind the last byte.
 * - `full`: a quota is used up, or the backend has no space left.
 * - `busy`: told to come later; certainly nothing was done.
 * - `unknown`: no answer, or one that does not say; it may have been done, or be done yet.
 * - `denied`: anything else, which asking again will not change.
 */
export type Outcome = 'absent' | 'refused' | 'unchanged' | 'pastEnd' | 'full' | 'busy' | 'unknown' | 'denied';

/** An answer of Google Cloud Storage that is no success. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** As in the body ("HTTP status and error codes for JSON"): `conditionNotMet`; empty if it says none. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** The reason of a 404 of which it is certain that it is the object that is not there, and not the bucket. */
export const noSuchObject = 'noSuchObject';

const byReason: Readonly<Record<string, Outcome>> = {
  [noSuchObject]: 'absent',
  conditionNotMet: 'refused',
  quotaExceeded: 'full',
  rateLimitExceeded: 'busy',
  userRateLimitExceeded: 'busy',
};

const byStatus: Readonly<Record<number, Outcome>> = {
  304: 'unchanged',
  408: 'unknown',
  412: 'refused',
  416: 'pastEnd',
  429: 'busy',
  503: 'busy',
  507: 'full',
};

/** What an error of a request means. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Refusal)) return isNetworkError(error) ? 'unknown' : 'denied';
  const { status, reason } = error;
  return byReason[reason] ?? byStatus[status] ?? (status >= 500 ? 'unknown' : 'denied');
}

/** Codes of Node (ECONNRESET, ENOTFOUND), also of requests for a token, and time limits. */
function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === 'TimeoutError' || error.name === 'AbortError' || Reflect.get(error, 'code') !== undefined
  );
}

/** How Google says what has become of a request. */
export const backend: Backend<Outcome> = {
  name: 'Google',
  outcomeOf,
  reasonOf(error) {
    const parts = error instanceof Refusal ? [error.status, error.reason] : [];
    const message = error instanceof Error ? error.message : String(error);
    return [...parts, message].filter((part) => part !== '').join(' ');
  },
  codes: { full: 'NO_SPACE' },
};
