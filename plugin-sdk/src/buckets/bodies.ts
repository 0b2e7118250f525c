import { Readable } from 'node:stream';

/** Bytes handed over at a time: so that progress is seen also where a chunk is large and the line slow. */
const SLICE = 256 * 1024;

/** A stream over `chunks`, which are not copied: the body of one attempt. `progress` is called as bytes are taken. */
export function streamOf(chunks: readonly Uint8Array[], progress: () => void): Readable {
  return Readable.from(slicesOf(chunks, progress), { objectMode: false, highWaterMark: SLICE });
}

/**
 * All bytes of a body that promised `length` of them.
 * @throws Error with the code ECONNRESET when there are more or fewer; the latter is a connection that broke off.
 */
export async function collect(body: Readable, length: number, progress: () => void): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for await (const chunk of chunksOf(body)) {
    progress();
    if (offset + chunk.length > length)
      throw cutOff(`the answer has more than the ${length} bytes it promised`);
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  if (offset < length) throw cutOff(`the answer ended ${length - offset} bytes early`);
  return bytes;
}

/** A body as the bytes that it is made of. Ending the iteration early destroys it. */
export async function* chunksOf(body: Readable): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a body is not made of bytes');
    yield chunk;
  }
}

function* slicesOf(chunks: readonly Uint8Array[], progress: () => void): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += SLICE) {
      progress();
      yield chunk.subarray(start, start + SLICE);
    }
  }
}

function cutOff(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}
