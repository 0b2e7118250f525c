import { StorageError, type ByteRange, type LargeObject } from '@entrepot/plugin-sdk';
import { pooledSize, type BufferPool } from './buffer-pool.ts';
import { storageError } from './errors.ts';
import { openFile } from './object-file.ts';
import { close, read } from './system-calls.ts';

/** Bytes of the buffer of a reader that gets none from the pool; what fits into it never asks for one. */
const SMALL = 64 * 1024;

/** Opens the file at `path`; `undefined` when there is none. */
export async function openReader(
  path: string,
  range: ByteRange | undefined,
  pool: BufferPool,
): Promise<FileReader | undefined> {
  const file = await openFile(path);
  if (file === undefined) return undefined;
  const { fd, stat } = file;
  const end = Math.min(range?.end ?? stat.size, stat.size);
  return new FileReader(fd, stat.size, { start: Math.min(range?.start ?? 0, end), end }, pool);
}

/**
 * An open file. While the caller sends one buffer, the next one is being filled: two buffers, one read ahead, and never
 * more, whatever the size of the file and the speed of the caller.
 */
export class FileReader implements LargeObject {
  readonly size: number;
  readonly #fd: number;
  readonly #end: number;
  readonly #pool: BufferPool;
  readonly #pooled: Uint8Array[] = [];
  /** One or two, taken with the first read and filled in turn. */
  #buffers: readonly Uint8Array[] = [];
  #filled = 0;
  #position: number;
  /** The read that is going on, or has ended and whose bytes are not the caller's yet. */
  #ahead: Promise<Uint8Array> | undefined;
  #closing: Promise<void> | undefined;

  constructor(fd: number, size: number, { start, end }: ByteRange, pool: BufferPool) {
    this.#fd = fd;
    this.size = size;
    this.#position = start;
    this.#end = end;
    this.#pool = pool;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#closing !== undefined) throw new StorageError('UNAVAILABLE', 'the object has been closed');
    if (this.#ahead === undefined) {
      if (this.#position === this.#end) return undefined;
      if (this.#buffers.length === 0) this.#takeBuffers();
      this.#ahead = this.#fill();
    }
    try {
      const chunk = await this.#ahead;
      const more = this.#position < this.#end && this.#buffers.length > 1 && !this.#isClosing();
      this.#ahead = more ? this.#fill() : undefined;
      // The next call of `read` meets the error of this one; when none comes, nobody needs to know.
      this.#ahead?.catch(() => undefined);
      return chunk;
    } catch (error) {
      throw storageError(error, 'reading an object');
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closing may have begun while something was awaited. */
  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  async #close(): Promise<void> {
    // A read that is going on uses our descriptor and our buffer: both stay ours until it has ended.
    await this.#ahead?.catch(() => undefined);
    for (const buffer of this.#pooled.splice(0)) this.#pool.giveBack(buffer);
    try {
      await close(this.#fd);
    } catch (error) {
      throw storageError(error, 'closing an object');
    }
  }

  #takeBuffers(): void {
    const length = this.#end - this.#position;
    const wanted = length <= SMALL ? 0 : length <= pooledSize ? 1 : 2;
    while (this.#pooled.length < wanted) {
      const buffer = this.#pool.take();
      if (buffer === undefined) break;
      this.#pooled.push(buffer);
    }
    this.#buffers =
      this.#pooled.length > 0 ? [...this.#pooled] : [Buffer.allocUnsafeSlow(Math.min(length, SMALL))];
  }

  async #fill(): Promise<Uint8Array> {
    const buffer = this.#buffers[this.#filled % this.#buffers.length];
    if (buffer === undefined) throw new RangeError('a reader without buffers');
    this.#filled += 1;
    const wanted = buffer.subarray(0, Math.min(buffer.length, this.#end - this.#position));
    const count = await read(this.#fd, wanted, this.#position);
    if (count === 0)
      throw new StorageError('UNAVAILABLE', `an object ended after ${this.#position} of ${this.size} bytes`);
    this.#position += count;
    return buffer.subarray(0, count);
  }
}
