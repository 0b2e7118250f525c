import { constants } from 'node:fs';
import { isErrno } from './errors.ts';
import { open, write } from './system-calls.ts';

/** What a direct write begins at and is a multiple of: no disk in use asks for more. */
const BLOCK = 4096;
/** Bytes of a buffer, and of one write. */
const BUFFER = 1024 * 1024;
/** Fewer bytes than that are better gathered by the page cache. */
const WORTHWHILE = 64 * 1024;

/**
 * Writes around the page cache (`O_DIRECT`). What is pushed is on its way to the disk at once, instead of being copied into
 * memory that the sync of the upload has to write out at its end, and the cache is left to what is pulled.
 *
 * Where it does not apply, because the file system, the disk or the position does not allow it or all buffers are out,
 * nothing is written, and the caller writes as usual.
 */
export class DirectWrites {
  /** A resizable buffer begins at a page of memory, as direct writes need it, and takes no memory before it is used. */
  readonly #memory: ArrayBuffer;
  readonly #free: number[];
  #refused = !('O_DIRECT' in constants);

  /** At most so many buffers of 1 MiB are out at a time. */
  constructor(buffers: number) {
    this.#memory = new ArrayBuffer(buffers * BUFFER, { maxByteLength: buffers * BUFFER });
    this.#free = Array.from({ length: buffers }, (_, index) => index * BUFFER);
  }

  /** How many of `length` bytes for `position` can go around the cache. */
  applicable(position: number, length: number): number {
    if (this.#refused || position % BLOCK !== 0 || length < WORTHWHILE) return 0;
    return length - (length % BLOCK);
  }

  /** Opens a file for {@link write}; `undefined` when its file system has no such thing. */
  async open(path: string): Promise<number | undefined> {
    try {
      return await open(path, constants.O_WRONLY | constants.O_DIRECT);
    } catch (error) {
      return this.#refusal(error);
    }
  }

  /**
   * Writes the first `length` bytes of `chunks`, which {@link applicable} has allowed, and returns how many of them it
   * has written: the rest is left to the caller.
   */
  async write(fd: number, chunks: readonly Uint8Array[], length: number, position: number): Promise<number> {
    const at = this.#free.pop();
    if (at === undefined) return 0;
    const buffer = new Uint8Array(this.#memory, at, BUFFER);
    const source = new Gathering(chunks);
    let done = 0;
    try {
      while (done < length) {
        const count = Math.min(BUFFER, length - done);
        source.fill(buffer.subarray(0, count));
        const written = await write(fd, buffer.subarray(0, count), position + done);
        done += written;
        if (written < count) break;
      }
      return done;
    } catch (error) {
      this.#refusal(error);
      return done;
    } finally {
      this.#free.push(at);
    }
  }

  /** Direct writes that are refused for what they are (`EINVAL`) are not tried again. */
  #refusal(error: unknown): undefined {
    if (!isErrno(error, 'EINVAL')) throw error;
    this.#refused = true;
  }
}

/** Copies chunks, one after the other, into buffers of another length. */
class Gathering {
  readonly #chunks: readonly Uint8Array[];
  #index = 0;
  #taken = 0;

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  fill(buffer: Uint8Array): void {
    for (let filled = 0; filled < buffer.length;) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) throw new RangeError('fewer bytes than were to be written');
      const piece = chunk.subarray(this.#taken, this.#taken + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      this.#taken += piece.length;
      if (this.#taken === chunk.length) {
        this.#index += 1;
        this.#taken = 0;
      }
    }
  }
}
