import { crc32 } from 'node:zlib';
import { largestSmallObject, type Logger, type StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from './keys.ts';

const SUM_BYTES = 4;
/** The most bytes of a tail in one object: the parts of a backend may be longer than a small object. */
const PIECE = largestSmallObject - SUM_BYTES;

/**
 * The tails of sessions as they are stored, in pieces: of each a CRC-32 of its bytes, then the bytes. Whoever goes on
 * with a session trusts digests that were taken before the tail was stored, so it has to be told apart from one that has
 * rotted since.
 */
export class Tails {
  readonly #driver: StorageDriver;
  readonly #log: Logger;

  constructor(driver: StorageDriver, log: Logger) {
    this.#driver = driver;
    this.#log = log;
  }

  /** Keeps the tail of a session that has come as far as `offset`. */
  async write(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    for (const [index, key] of keysOf(id, offset, bytes.length).entries()) {
      const piece = bytes.subarray(index * PIECE, (index + 1) * PIECE);
      await this.#driver.write(key, sealed(piece), { transient: true });
    }
  }

  /** The pieces of the tail; `undefined`, and the log says so, when they are not `length` sound bytes. */
  async read(id: string, offset: number, length: number): Promise<readonly Uint8Array[] | undefined> {
    const pieces: Uint8Array[] = [];
    for (const [index, key] of keysOf(id, offset, length).entries()) {
      const expected = Math.min(PIECE, length - index * PIECE);
      const stored = (await this.#driver.read(key))?.bytes ?? new Uint8Array();
      const piece = stored.subarray(SUM_BYTES);
      if (piece.length !== expected || !sealed(piece).equals(stored)) {
        const bytes = stored.length;
        this.#log.error({ key, bytes, expected: expected + SUM_BYTES }, 'the tail of an upload is damaged');
        return undefined;
      }
      pieces.push(piece);
    }
    return pieces;
  }

  /** Gives the space of a tail of `length` bytes back. */
  async remove(id: string, offset: number, length: number): Promise<void> {
    for (const key of keysOf(id, offset, length)) await this.#driver.delete(key);
  }
}

function keysOf(id: string, offset: number, length: number): string[] {
  return Array.from({ length: Math.ceil(length / PIECE) }, (_, index) => keys.tail(id, offset, index));
}

function sealed(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(SUM_BYTES);
  sum.writeUInt32BE(crc32(bytes));
  return Buffer.concat([sum, bytes]);
}
