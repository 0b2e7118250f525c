import { randomBytes } from 'node:crypto';
import { isStorageError, type StorageDriver } from '@entrepot/plugin-sdk';

/** Attempts of a compare-and-swap: each lost one means that somebody else has made progress. */
const ATTEMPTS = 50;

/** Reads a JSON object. `undefined` when there is none. @throws Error when it is damaged; StorageError. */
export async function readJson<Value>(
  driver: StorageDriver,
  key: string,
  parse: (json: unknown) => Value | undefined,
): Promise<Value | undefined> {
  const object = await driver.read(key);
  return object === undefined ? undefined : parsed(key, object.bytes, parse);
}

/**
 * Changes a JSON object until nobody has interfered. What is damaged is given to `change` as such, and replaced.
 * `undefined` from `change` leaves it as it is.
 * @throws StorageError
 */
export async function updateJson<Value extends object>(
  driver: StorageDriver,
  key: string,
  parse: (json: unknown) => Value | undefined,
  change: (current: Value | undefined | 'damaged') => Value | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const object = await driver.read(key);
    const next = change(object === undefined ? undefined : valueOf(object.bytes, parse));
    if (next === undefined) return;
    // No two versions are the same bytes, as the storage contract asks.
    const bytes = Buffer.from(JSON.stringify({ ...next, nonce: randomBytes(9).toString('base64url') }));
    try {
      await driver.write(key, bytes, object === undefined ? { ifAbsent: true } : { ifMatch: object.etag });
      return;
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }
  throw new Error(`gave up on ${key} after ${ATTEMPTS} lost races`);
}

function parsed<Value>(key: string, bytes: Uint8Array, parse: (json: unknown) => Value | undefined): Value {
  const value = valueOf(bytes, parse);
  if (value === 'damaged') throw new Error(`what is stored under ${key} is damaged`);
  return value;
}

function valueOf<Value>(bytes: Uint8Array, parse: (json: unknown) => Value | undefined): Value | 'damaged' {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return parse(json) ?? 'damaged';
  } catch (error) {
    if (error instanceof SyntaxError) return 'damaged';
    throw error;
  }
}
