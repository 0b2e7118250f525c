import { isRegistryError, isStorageError, RegistryError } from '@entrepot/plugin-sdk';
import type { RequestContext } from './request-context.ts';

/** Seconds after which a client may try again when storage is in trouble. */
const RETRY_AFTER = '5';

/** The body of an error answer, as the distribution-spec has it ("Error Codes"). */
export function errorBody(error: RegistryError, requestId: string): string {
  const details: readonly unknown[] = error.status >= 500 ? [{ requestId }] : error.details;
  const { code, message } = error;
  const errors =
    details.length === 0 ? [{ code, message }] : details.map((detail) => ({ code, message, detail }));
  return JSON.stringify({ errors });
}

/** Turns whatever was thrown into what a client may see: the cause stays with us. */
export function clientError(error: unknown): RegistryError {
  if (isRegistryError(error)) return error.code === 'TOOMANYREQUESTS' ? retryable(error) : error;
  if (!isStorageError(error)) return new RegistryError('UNKNOWN', undefined, { cause: error });
  switch (error.code) {
    case 'UPLOAD_UNKNOWN':
      return new RegistryError('BLOB_UPLOAD_UNKNOWN', 'the upload has expired: begin again', {
        cause: error,
      });
    case 'NO_SPACE':
      return new RegistryError('INSUFFICIENT_STORAGE', undefined, { cause: error });
    case 'PRECONDITION_FAILED':
    case 'UNAVAILABLE':
      return new RegistryError('UNAVAILABLE', undefined, {
        headers: { 'retry-after': RETRY_AFTER },
        cause: error,
      });
  }
}

/** Answers with an error. Nothing but the spec's body goes out. */
export function sendError(context: RequestContext, error: RegistryError): void {
  context.send(
    error.status,
    { 'content-type': 'application/json', ...error.headers },
    errorBody(error, context.requestId),
  );
}

/** RFC 6585, 4: a 429 says when to come back. */
function retryable(error: RegistryError): RegistryError {
  const { message, details, headers } = error;
  return new RegistryError(error.code, message, {
    details,
    headers: { 'retry-after': RETRY_AFTER, ...headers },
    cause: error,
  });
}
