import type { Identity } from './auth.ts';

/**
 * Every way a request can be refused: the error codes of the distribution-spec ("Error Codes"), and three of our own
 * for 5xx answers, which the spec leaves open. Codes are API; messages are for people and may change.
 */
export const errorCodes = {
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    message: 'manifest references a manifest or blob unknown to registry',
  },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown to registry' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  UNSUPPORTED: { status: 405, message: 'the operation is unsupported' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  UNKNOWN: { status: 500, message: 'internal error; the log has the cause under the request id' },
  UNAVAILABLE: { status: 503, message: 'the storage of the registry is unavailable; try again' },
  INSUFFICIENT_STORAGE: { status: 507, message: 'the storage of the registry is full' },
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface RegistryErrorOptions {
  /** Sent to the client with the error. One entry of the body's `errors` each. */
  readonly details?: readonly unknown[];
  /** HTTP status, when the situation has a more exact one than the code: 412, 413, 416. */
  readonly status?: number;
  /** Headers the answer carries, `Range` of a 416 for instance. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes to the log, never to the client. */
  readonly cause?: unknown;
  /**
   * Of an `UNAUTHORIZED`: whose the credentials are, when nothing is wrong with them but that their time has passed. An
   * upload that was begun with them may be ended with them.
   */
  readonly expired?: Identity;
}

/** An error whose code, message and details go to the client. Told apart by `code`, never by `instanceof`. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: readonly unknown[];
  readonly headers: Readonly<Record<string, string>>;
  readonly expired: Identity | undefined;

  constructor(code: ErrorCode, message?: string, options: RegistryErrorOptions = {}) {
    super(
      message ?? errorCodes[code].message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? errorCodes[code].status;
    this.details = options.details ?? [];
    this.headers = options.headers ?? {};
    this.expired = options.expired;
  }
}

/**
 * - `PRECONDITION_FAILED`: `ifAbsent` or `ifMatch` did not hold.
 * - `UPLOAD_UNKNOWN`: the backend has forgotten the upload; the client has to begin again.
 * - `NO_SPACE`: the backend is full, or a quota of it is reached (507).
 * - `UNAVAILABLE`: anything else: down, throttled, refused, damaged, not understood (503).
 */
export type StorageErrorCode = 'PRECONDITION_FAILED' | 'UPLOAD_UNKNOWN' | 'NO_SPACE' | 'UNAVAILABLE';

/** An error of a storage driver. It never reaches a client; its cause reaches the log. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a {@link RegistryError}, of whichever copy of this package. */
export function isRegistryError(error: unknown): error is RegistryError {
  return error instanceof Error && error.name === 'RegistryError' && 'code' in error;
}

/** Whether `error` is a {@link StorageError} (with this code, if one is given), of whichever copy of this package. */
export function isStorageError(error: unknown, code?: StorageErrorCode): error is StorageError {
  return (
    error instanceof Error &&
    error.name === 'StorageError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  );
}
