import type { LargeObject, StorageDriver } from '../storage.ts';
import { holds, present } from './assertions.ts';
import { says } from './storage-contract.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** `length` bytes that look like noise and depend on their offset: a shifted, repeated or lost byte shows. */
export function noise(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let word = (seed + 1) * 0x9e3779b9;
  for (let index = 0; index < words.length; index += 1) {
    // xorshift32 (Marsaglia, 2003)
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[index] = word;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Reads an open object to its end and closes it, copying each chunk before the next is asked for. */
export async function drain(object: LargeObject): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for (;;) {
      const chunk = await object.read();
      if (chunk === undefined) break;
      holds(chunk.length > 0, says.nextBytes, 'got no bytes before the end');
      chunks.push(Uint8Array.from(chunk));
    }
    const again = await object.read();
    holds(again === undefined, says.nextBytes, 'got more bytes after the end');
  } finally {
    await object.close();
  }
  return Buffer.concat(chunks);
}

/** All bytes of the object under `key`, which has to be there. */
export async function contentOf(driver: StorageDriver, key: string, sentence: string): Promise<Uint8Array> {
  return drain(present(await driver.open(key), sentence));
}
