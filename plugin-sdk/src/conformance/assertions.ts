import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { isStorageError, type StorageErrorCode } from '../errors.ts';

/** `sentence`, in all that follows, is what the contract says: the message of a failure begins with it. */
export function holds(condition: boolean, sentence: string, seen: string): void {
  if (!condition) broken(sentence, seen);
}

export function equal(actual: unknown, expected: unknown, sentence: string): void {
  const message = `expected ${inspect(expected)}, got ${inspect(actual)}`;
  assert.deepStrictEqual(actual, expected, quote(sentence, message));
}

/** Says where bytes differ, instead of printing them. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array, sentence: string): void {
  if (actual === undefined) broken(sentence, `expected ${expected.length} bytes, got undefined`);
  if (Buffer.compare(actual, expected) === 0) return;
  const first = expected.findIndex((byte, offset) => byte !== actual[offset]);
  const offset = first === -1 ? expected.length : first;
  broken(
    sentence,
    `expected ${expected.length} bytes, got ${actual.length}; they differ from offset ${offset} on`,
  );
}

export function present<Value>(value: Value | undefined, sentence: string): Value {
  if (value === undefined) broken(sentence, 'expected an object, got undefined');
  return value;
}

/** The call has to find nothing, and to say so without an error. */
export async function absent(call: Promise<unknown>, sentence: string): Promise<void> {
  equal(await succeeds(call, sentence), undefined, sentence);
}

export async function succeeds<Value>(call: Promise<Value>, sentence: string): Promise<Value> {
  try {
    return await call;
  } catch (error) {
    return broken(sentence, `expected no error, got ${inspect(error)}`);
  }
}

/** The call has to reject with a StorageError of this code. */
export async function refused(
  call: Promise<unknown>,
  code: StorageErrorCode,
  sentence: string,
): Promise<void> {
  let result;
  try {
    result = await call;
  } catch (error) {
    return isRefusal(error, code, sentence);
  }
  broken(sentence, `expected a StorageError ${code}, but the call succeeded with ${inspect(result)}`);
}

/** The call has to reject with an error of this kind. */
export async function fails(
  call: Promise<unknown>,
  kind: abstract new (...args: never) => Error,
  sentence: string,
): Promise<void> {
  const [outcome] = await Promise.allSettled([call]);
  if (outcome.status === 'rejected' && outcome.reason instanceof kind) return;
  broken(sentence, `expected a ${kind.name}, got ${inspect(outcome)}`);
}

/** An error that was caught has to be a StorageError of this code. */
export function isRefusal(error: unknown, code: StorageErrorCode, sentence: string): void {
  if (isStorageError(error, code)) return;
  broken(sentence, `expected a StorageError ${code}, got ${inspect(error)}`);
}

function broken(sentence: string, seen: string): never {
  assert.fail(quote(sentence, seen));
}

function quote(sentence: string, seen: string): string {
  return `the contract says "${sentence}": ${seen}`;
}
