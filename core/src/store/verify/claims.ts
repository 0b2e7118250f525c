import { hash, randomBytes } from 'node:crypto';

/** 16 MiB: with 10 million keys in it, one key in 200 is taken for a member that is none. */
const BITS = 2 ** 27;

/**
 * The storage keys that something refers to, in a space that does not grow with their number: a Bloom filter. A key
 * that was added is always found. One that was not is found by mistake now and then, and then an orphan is missed until
 * the next time, when the salt is another.
 */
export class Claims {
  /** Whether no record has been set aside that may have referred to something. */
  areComplete = true;
  readonly #bits = new Uint8Array(BITS / 8);
  readonly #salt = randomBytes(8).toString('hex');

  add(key: string): void {
    for (const position of this.#positions(key)) {
      const byte = position >>> 3;
      this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (position & 7));
    }
  }

  has(key: string): boolean {
    return this.#positions(key).every(
      (position) => ((this.#bits[position >>> 3] ?? 0) & (1 << (position & 7))) !== 0,
    );
  }

  #positions(key: string): number[] {
    const digest = hash('sha1', this.#salt + key, 'buffer');
    return [0, 4, 8, 12, 16].map((offset) => digest.readUInt32BE(offset) % BITS);
  }
}
