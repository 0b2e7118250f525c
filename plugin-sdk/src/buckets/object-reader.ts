import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import type { LargeObject } from '../storage.ts';
import { chunksOf } from './bodies.ts';

/** Connections that may break off in a row, without a byte in between, before a reader gives up. */
const RESUMPTIONS = 3;

export interface ReaderOptions {
  /** Bytes of the whole object. */
  readonly size: number;
  /** The bytes to read. */
  readonly start: number;
  readonly end: number;
  /** Milliseconds a read may wait for bytes. */
  readonly patience: number;
  /** The same version of the object from `start` on. @throws StorageError when there is none any more. */
  readonly reopen: (start: number) => Promise<Readable>;
}

/**
 * Reads an object as its owner asks for it: a slow owner slows the connection down. A connection that breaks off or
 * falls silent is replaced by one that goes on where it ended, in the same version of the object.
 */
export class ObjectReader implements LargeObject {
  readonly size: number;
  readonly #options: ReaderOptions;
  #body: Readable;
  #chunks: AsyncIterator<Uint8Array, void>;
  #position: number;
  #failures = 0;
  #closed = false;
  #finished = false;

  constructor(body: Readable, options: ReaderOptions) {
    this.size = options.size;
    this.#options = options;
    this.#position = options.start;
    this.#body = quiet(body);
    this.#chunks = chunksOf(body);
  }

  /** @throws StorageError `UNAVAILABLE` when the bytes cannot be had any more. */
  async read(): Promise<Uint8Array | undefined> {
    const { end } = this.#options;
    while (this.#position < end) {
      try {
        return await this.#next();
      } catch (error) {
        if (this.#closed) return undefined;
        await this.#resume(error);
      }
    }
    await this.#finish();
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#body.destroy();
  }

  /** Hears the end of the body, so that its connection can serve others; all its bytes are here, whatever it brings. */
  async #finish(): Promise<void> {
    if (this.#closed || this.#finished) return;
    this.#finished = true;
    try {
      await this.#chunks.next();
    } catch {
      this.#body.destroy();
    }
  }

  async #next(): Promise<Uint8Array> {
    const { patience, end } = this.#options;
    const body = this.#body;
    const timer = setTimeout(
      () => body.destroy(new Error(`no bytes came for ${patience / 1000} s`)),
      patience,
    );
    try {
      const { done, value } = await this.#chunks.next();
      if (done === true) throw new Error('the body ended early');
      // What is beyond the end is not passed on: the answer is not the object, and is asked for again.
      if (this.#position + value.length > end) throw new Error('the body is longer than it promised to be');
      this.#position += value.length;
      this.#failures = 0;
      return value;
    } finally {
      clearTimeout(timer);
    }
  }

  async #resume(error: unknown): Promise<void> {
    this.#body.destroy();
    this.#failures += 1;
    if (this.#failures > RESUMPTIONS) {
      const left = this.#options.end - this.#position;
      throw new StorageError('UNAVAILABLE', `the object ended ${left} bytes early`, { cause: error });
    }
    const body = quiet(await this.#options.reopen(this.#position));
    this.#body = body;
    this.#chunks = chunksOf(body);
    if (this.#closed) body.destroy();
  }
}

/** A body that is destroyed before it was read has nobody who listens to its error. */
function quiet(body: Readable): Readable {
  return body.on('error', () => undefined);
}
