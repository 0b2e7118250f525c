/** Bytes of a pooled buffer. Below 256 KiB reading costs more, above it hardly less. */
export const pooledSize = 256 * 1024;

/**
 * Buffers that are used again instead of being allocated, cleared and collected for each chunk. At most `limit` are
 * out at a time: whoever gets none has to make do with a small one of his own, so a thousand slow readers cost little.
 */
export class BufferPool {
  readonly #limit: number;
  readonly #free: Uint8Array[] = [];
  #out = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(): Uint8Array | undefined {
    if (this.#out >= this.#limit) return undefined;
    this.#out += 1;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pooledSize);
  }

  /** Takes back what {@link take} gave and nobody uses any more. */
  giveBack(buffer: Uint8Array): void {
    this.#out -= 1;
    if (this.#free.length < this.#limit / 4) this.#free.push(buffer);
  }
}
