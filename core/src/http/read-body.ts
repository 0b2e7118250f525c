import { RegistryError } from '@entrepot/plugin-sdk';
import type { RequestContext } from './request-context.ts';

/**
 * The whole body, at most `limit` bytes of it.
 * @throws RegistryError 413, before anything is read when the length is known.
 */
export async function readBody(context: RequestContext, limit: number): Promise<Buffer> {
  if ((context.contentLength ?? 0) > limit) throw tooLarge(limit);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of context.body) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `a manifest may have ${limit} bytes`, { status: 413 });
}
