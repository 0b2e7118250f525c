import type { Backend } from '@entrepot/plugin-sdk/buckets';

/**
 * How a request can end, other than well.
 *
 * - `absent`: there is no such object (and there is the bucket).
 * - `missing`: a 404 without a reason, which is all that a HEAD gets: the object may be missing, or the bucket.
 * - `refused`: `If-Match` or `If-None-Match` did not hold.
 * - `unchanged`: the object is the version that is known already (304).
 * - `pastEnd`: the range begins behind the last byte.
 * - `forgotten`: the multipart upload, or a part of it as it was, is gone.
 * - `full`: a quota is reached, or the disks are full.
 * - `busy`: told to come later; certainly nothing was done.
 * - `expired`: the credentials or the date of the request are too old; certainly nothing was done.
 * - `unknown`: no answer, or one that does not say; it may have been done, or be done yet.
 * - `denied`: anything else, which asking again will not change.
 */
export type Outcome =
  | 'absent'
  | 'missing'
  | 'refused'
  | 'unchanged'
  | 'pastEnd'
  | 'forgotten'
  | 'full'
  | 'busy'
  | 'expired'
  | 'unknown'
  | 'denied';

/** By the code in the answer's body ("Amazon S3 error responses"; the last of `full` are of MinIO and Versity). */
const byCode: Readonly<Record<string, Outcome>> = {
  NoSuchKey: 'absent',
  NotFound: 'missing',
  PreconditionFailed: 'refused',
  InvalidRange: 'pastEnd',
  NoSuchUpload: 'forgotten',
  InvalidPart: 'forgotten',
  QuotaExceeded: 'full',
  InsufficientStorage: 'full',
  NoSpaceLeftOnDevice: 'full',
  XMinioStorageFull: 'full',
  XMinioAdminBucketQuotaExceeded: 'full',
  SlowDown: 'busy',
  ServiceUnavailable: 'busy',
  Throttling: 'busy',
  ThrottlingException: 'busy',
  RequestLimitExceeded: 'busy',
  TooManyRequests: 'busy',
  // Two conditional writes met ("Conditional writes"); the later one is to be sent again.
  ConditionalRequestConflict: 'busy',
  OperationAborted: 'busy',
  // The body did not arrive, or not as it was sent.
  RequestTimeout: 'busy',
  IncompleteBody: 'busy',
  BadDigest: 'busy',
  XAmzContentSHA256Mismatch: 'busy',
  XAmzContentChecksumMismatch: 'busy',
  CredentialsProviderError: 'busy',
  ExpiredToken: 'expired',
  ExpiredTokenException: 'expired',
  TokenRefreshRequired: 'expired',
  RequestExpired: 'expired',
  RequestTimeTooSkewed: 'expired',
};

const byStatus: Readonly<Record<number, Outcome>> = {
  304: 'unchanged',
  408: 'busy',
  412: 'refused',
  416: 'pastEnd',
  429: 'busy',
  500: 'unknown',
  502: 'unknown',
  503: 'busy',
  504: 'unknown',
  507: 'full',
};

/**
 * What an error of the S3 client means. A 404 means absence only under the code NoSuchKey: a bucket or a whole backend
 * that has gone must never look like a registry that is empty.
 */
export function outcomeOf(error: unknown): Outcome {
  const status = statusOf(error);
  const name = textOf(error, 'name');
  // radosgw answers so to the losers of a race for one object under If-Match: nothing was written, and the next
  // attempt will be told that the condition does not hold. (An ECANCELED of its index that it has no words for.)
  if (status === 500 && textOf(error, 'Code') === 'UnknownError') return 'busy';
  const outcome = byCode[name] ?? (status === undefined ? undefined : byStatus[status]);
  if (outcome !== undefined) return outcome;
  if (status !== undefined && status >= 500) return 'unknown';
  return status === undefined && isNetworkError(error, name) ? 'unknown' : 'denied';
}

/** How S3 says what has become of a request. */
export const backend: Backend<Outcome> = {
  name: 'S3',
  outcomeOf,
  reasonOf(error) {
    const status = statusOf(error);
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return status === undefined ? reason : `${status} ${reason}`;
  },
  codes: { forgotten: 'UPLOAD_UNKNOWN', full: 'NO_SPACE' },
};

/** The HTTP status of the answer, if there was one. */
function statusOf(error: unknown): number | undefined {
  const metadata: unknown = fieldOf(error, '$metadata');
  const status: unknown = fieldOf(metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

/** Codes of Node: ECONNRESET, EPIPE, ENOTFOUND, HPE_INVALID_CONSTANT, ERR_STREAM_PREMATURE_CLOSE and the like. */
function isNetworkError(error: unknown, name: string): boolean {
  return name === 'TimeoutError' || name === 'AbortError' || textOf(error, 'code') !== '';
}

function textOf(error: unknown, field: string): string {
  const value = fieldOf(error, field);
  return typeof value === 'string' ? value : '';
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}
