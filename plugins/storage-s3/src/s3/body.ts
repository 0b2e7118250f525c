import { Readable } from 'node:stream';
import { lengthOf } from '@entrepot/plugin-sdk';
import { streamOf } from '@entrepot/plugin-sdk/buckets';

/** Up to here a body is sent as one buffer, whose hash the signature covers; hashing more would hold up everybody else. */
const HASHED = 64 * 1024;

/**
 * The body of one attempt. Large ones are streams over `chunks`, which are not copied: each attempt makes a new one.
 * `progress` is called as the bytes are taken.
 */
export function bodyOf(
  chunks: readonly Uint8Array[],
  progress: () => void,
): { readonly body: Uint8Array | Readable; readonly length: number } {
  const length = lengthOf(chunks);
  if (length <= HASHED) return { body: Buffer.concat(chunks), length };
  return { body: streamOf(chunks, progress), length };
}

/** A body whose last byte is sent once `hold`, called when all others have been handed over, has resolved. */
export function heldBody(
  bytes: Uint8Array,
  hold: () => Promise<void>,
): { readonly body: Readable; readonly length: number } {
  const held = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, -1);
    await hold();
    yield bytes.subarray(-1);
  };
  return { body: Readable.from(held(), { objectMode: false }), length: bytes.length };
}
