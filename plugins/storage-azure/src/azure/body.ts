import type { Readable } from 'node:stream';
import { lengthOf } from '@entrepot/plugin-sdk';
import { streamOf } from '@entrepot/plugin-sdk/buckets';

/** Up to here a body is sent as one buffer. */
const WHOLE = 64 * 1024;

/** A body and its bytes. Each attempt calls the function anew. */
export interface Body {
  readonly content: Uint8Array | (() => Readable);
  readonly length: number;
}

/** The body of one attempt. Large ones are streams over `chunks`, which are not copied. `progress` is called as bytes are taken. */
export function bodyOf(chunks: readonly Uint8Array[], progress: () => void): Body {
  const length = lengthOf(chunks);
  if (length <= WHOLE) return { content: Buffer.concat(chunks), length };
  return { content: () => streamOf(chunks, progress), length };
}
