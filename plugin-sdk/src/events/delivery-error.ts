/**
 * What is wrong when an event could not be delivered:
 *
 * - `rejected`: the receiver will never take this event. It is set aside at once.
 * - `failed`: the receiver has answered with an error, or has not answered. It is tried again, so often and no more.
 * - `unavailable`: nobody is there to take anything, or too much is asked of it. It waits.
 */
export type DeliveryFault = 'rejected' | 'failed' | 'unavailable';

/** An event could not be delivered. Told apart by `name`, never by `instanceof`. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly fault: DeliveryFault;
  /** Milliseconds for which the receiver asks to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(
    fault: DeliveryFault,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfter?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.retryAfter = options.retryAfter;
  }
}

/** `error` as a {@link DeliveryError}, of whichever copy of this package; one that does not say what is wrong has `failed`. */
export function deliveryErrorOf(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (typeof error !== 'object' || error === null || !('name' in error) || error.name !== 'DeliveryError')
    return new DeliveryError('failed', message, { cause: error });
  const { fault, retryAfter } = Object.assign({ fault: undefined, retryAfter: undefined }, error);
  return new DeliveryError(isFault(fault) ? fault : 'failed', message, {
    cause: error,
    retryAfter: typeof retryAfter === 'number' ? retryAfter : undefined,
  });
}

function isFault(value: unknown): value is DeliveryFault {
  return value === 'rejected' || value === 'failed' || value === 'unavailable';
}
