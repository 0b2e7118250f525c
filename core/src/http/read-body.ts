import { RegistryError } from '@entrepot/plugin-sdk';
import type { RequestContext } from './request-context.ts';

/** Bytes of bodies that this process holds for all requests together, from their arrival until they are answered. */
const MAX_HELD = 128 * 1024 * 1024;
/** Bytes a body of unknown length gets at first. */
const FIRST = 16 * 1024;

let held = 0;

/**
 * The whole body, at most `limit` bytes of it. However small the pieces it comes in, it takes no more than its bytes.
 * @throws RegistryError 413, before anything is read when the length is known; `TOOMANYREQUESTS` when other requests
 *   hold all the memory there is for bodies.
 */
export async function readBody(context: RequestContext, limit: number): Promise<Buffer> {
  if ((context.contentLength ?? 0) > limit) throw tooLarge(limit);
  let bytes = Buffer.allocUnsafeSlow(Math.min(context.contentLength ?? FIRST, limit));
  let length = 0;
  try {
    for await (const chunk of context.body) {
      const more = length + chunk.length;
      if (more > limit) throw tooLarge(limit);
      if (held + chunk.length > MAX_HELD) throw tooMany();
      if (more > bytes.length) bytes = enlarged(bytes, length, Math.min(Math.max(more, 2 * length), limit));
      bytes.set(chunk, length);
      held += chunk.length;
      length = more;
    }
  } catch (error) {
    held -= length;
    throw error;
  }
  context.onceAnswered(() => {
    held -= length;
  });
  return bytes.subarray(0, length);
}

function enlarged(bytes: Uint8Array, length: number, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(size);
  larger.set(bytes.subarray(0, length));
  return larger;
}

function tooLarge(limit: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `a manifest may have ${limit} bytes`, { status: 413 });
}

function tooMany(): RegistryError {
  return new RegistryError('TOOMANYREQUESTS', 'too many manifests at once; try again');
}
