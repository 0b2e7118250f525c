import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { close, fsync, open, unlink, writev } from './system-calls.ts';

/** Creates a file, which must not exist yet, and opens it for writing. */
export function createFile(path: string): Promise<number> {
  return open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
}

/** Writes all chunks, from `position` on. */
export async function writeAll(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let rest = chunks.filter((chunk) => chunk.length > 0);
  while (rest.length > 0) {
    const written = await writev(fd, rest, position);
    position += written;
    rest = without(rest, written);
  }
}

/** What remains of `chunks` when the first `count` bytes are taken away. */
export function without(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
}

/** Writes a new file into `directory`, durable if asked for, and returns its path. A failure leaves nothing behind. */
export async function writeTemporary(
  directory: string,
  bytes: Uint8Array,
  durable: boolean,
): Promise<string> {
  const path = join(directory, randomUUID());
  const fd = await createFile(path);
  try {
    try {
      await writeAll(fd, [bytes], 0);
      if (durable) await fsync(fd);
    } finally {
      // Some file systems tell only now that bytes were lost.
      await close(fd);
    }
  } catch (error) {
    await discard(path);
    throw error;
  }
  return path;
}

/** Removes a file that is of no use any more. One that cannot be removed now is left to the sweep. */
export async function discard(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}
