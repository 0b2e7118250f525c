import type { Backend } from '@entrepot/plugin-sdk/buckets';

/**
 * How a request can end, other than well.
 *
 * - `absent`: there is no such blob (and there is the container).
 * - `refused`: `If-Match` or `If-None-Match` did not hold.
 * - `unchanged`: the blob is the version that is known already (304).
 * - `pastEnd`: the range begins behind the last byte.
 * - `forgotten`: a block that was staged is gone.
 * - `full`: the backend has no space left.
 * - `busy`: told to come later; certainly nothing was done.
 * - `unknown`: no answer, or one that does not say; it may have been done, or be done yet.
 * - `denied`: anything else, which asking again will not change.
 */
export type Outcome =
  'absent' | 'refused' | 'unchanged' | 'pastEnd' | 'forgotten' | 'full' | 'busy' | 'unknown' | 'denied';

/** By the code in the header `x-ms-error-code` ("Blob Storage error codes", "Common REST API error codes"). */
const byCode: Readonly<Record<string, Outcome>> = {
  BlobNotFound: 'absent',
  BlobAlreadyExists: 'refused',
  ConditionNotMet: 'refused',
  TargetConditionNotMet: 'refused',
  InvalidRange: 'pastEnd',
  InvalidBlockList: 'forgotten',
  ServerBusy: 'busy',
  // The body did not arrive, or not as it was sent.
  Md5Mismatch: 'busy',
  OperationTimedOut: 'unknown',
  InternalError: 'unknown',
};

/** A 412 is not here: without a code that says so it is not about our conditions, but about a lease for instance. */
const byStatus: Readonly<Record<number, Outcome>> = {
  408: 'unknown',
  416: 'pastEnd',
  429: 'busy',
  503: 'busy',
  507: 'full',
};

/**
 * What an error of the Azure client means. A 404 means absence only under the code BlobNotFound: a container or a whole
 * account that has gone must never look like a registry that is empty.
 */
export function outcomeOf(error: unknown): Outcome {
  const status = statusOf(error);
  const code = codeOf(error);
  if (status === undefined || code === 'PARSE_ERROR') return isNetworkError(error) ? 'unknown' : 'denied';
  // Under the code ConditionNotMet.
  if (status === 304) return 'unchanged';
  return byCode[code] ?? byStatus[status] ?? (status >= 500 ? 'unknown' : 'denied');
}

/** The HTTP status of the answer, if there was one. */
export function statusOf(error: unknown): number | undefined {
  const status = fieldOf(error, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

/** What Azure or Node call the error; empty when it has no name. The answer to a HEAD has it in a header alone. */
export function codeOf(error: unknown): string {
  return textOf(fieldOf(error, 'details'), 'errorCode') || textOf(error, 'code');
}

/** Codes of Node (ECONNRESET, ENOTFOUND), REQUEST_SEND_ERROR and PARSE_ERROR of the SDK, and time limits. */
function isNetworkError(error: unknown): boolean {
  const name = textOf(error, 'name');
  return name === 'TimeoutError' || name === 'AbortError' || textOf(error, 'code') !== '';
}

/** How Azure says what has become of a request. */
export const backend: Backend<Outcome> = {
  name: 'Azure',
  outcomeOf,
  reasonOf(error) {
    // The messages of Azure go on with request ids and times.
    const message = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
    return [statusOf(error) ?? '', codeOf(error), message].filter((part) => part !== '').join(' ');
  },
  codes: { forgotten: 'UPLOAD_UNKNOWN', full: 'NO_SPACE' },
};

function textOf(error: unknown, field: string): string {
  const value = fieldOf(error, field);
  return typeof value === 'string' ? value : '';
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}
