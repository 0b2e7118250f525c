import { setTimeout as pause } from 'node:timers/promises';

const ATTEMPTS = 5;
/** Milliseconds before the second attempt; each pause is twice as long as the one before. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 60_000;

/** What the network says that may be otherwise the next moment. Wrong names and certificates stay what they are. */
const passing: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
]);

/** A registry has answered, and not what was hoped for. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure';
  readonly status: number;
  /** Milliseconds after which it wants to be asked again, if it has said so. */
  readonly retryAfter: number | undefined;

  constructor(message: string, status: number, retryAfter?: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Does `work` again when it has failed for a reason that may pass: no answer, a broken connection, 408, 429 or 5xx. What a
 * registry has refused is not asked for again.
 */
export async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !mayPass(error)) throw error;
      const wanted = error instanceof RequestFailure ? error.retryAfter : undefined;
      const own = FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random());
      await pause(Math.min(wanted ?? own, LONGEST_PAUSE));
    }
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof RequestFailure)
    return error.status === 408 || error.status === 429 || (error.status >= 500 && error.status !== 501);
  return error instanceof Error && 'code' in error && passing.has(error.code);
}
