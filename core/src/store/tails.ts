import { crc32 } from 'node:zlib';
import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';

const SUM_BYTES = 4;

/**
 * The tail of a session as it is stored: a CRC-32 of its bytes, then the bytes. Whoever goes on with the session trusts
 * digests that were taken before the tail was stored, so it has to be told apart from one that has rotted since.
 */
export function sealTail(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(SUM_BYTES);
  sum.writeUInt32BE(crc32(bytes));
  return Buffer.concat([sum, bytes]);
}

/** The bytes of the tail under `key`; `undefined`, and the log says so, when they are not `length` sound bytes. */
export async function readTail(
  driver: StorageDriver,
  log: Logger,
  key: string,
  length: number,
): Promise<Uint8Array | undefined> {
  const stored = (await driver.read(key))?.bytes ?? new Uint8Array();
  const tail = stored.subarray(SUM_BYTES);
  if (tail.length === length && sealTail(tail).equals(stored)) return tail;
  log.error({ key, bytes: stored.length, expected: length + SUM_BYTES }, 'the tail of an upload is damaged');
  return undefined;
}
