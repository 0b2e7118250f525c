import { hash, randomBytes } from 'node:crypto';

/** A key is looked for in so many places of the filter. */
const PLACES = 5;
/** With so many bits for each key, one key in 4,000 is found by mistake. */
const BITS_PER_KEY = 24;
/** 1 MiB, in which a few keys never find one another, and 256 MiB. */
const LEAST_BITS = 2 ** 23;
const MOST_BITS = 2 ** 31;

/**
 * A set of texts in a space that does not grow with their number. One that was added is always found. One that was not
 * is found by mistake now and then; the next filter has another salt, and makes other mistakes.
 */
export class BloomFilter {
  readonly #size: number;
  readonly #bits: Uint8Array;
  readonly #salt = randomBytes(8).toString('hex');

  /** `size` is in bits, at most 2^32. */
  constructor(size: number) {
    this.#size = size;
    this.#bits = new Uint8Array(Math.ceil(size / 8));
  }

  /** A filter of the right size for about so many texts, of 256 MiB at most. */
  static forAbout(count: number): BloomFilter {
    return new BloomFilter(Math.min(Math.max(count * BITS_PER_KEY, LEAST_BITS), MOST_BITS));
  }

  add(text: string): void {
    for (const place of this.#places(text)) {
      const byte = place >>> 3;
      this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (place & 7));
    }
  }

  has(text: string): boolean {
    return this.#places(text).every((place) => ((this.#bits[place >>> 3] ?? 0) & (1 << (place & 7))) !== 0);
  }

  #places(text: string): number[] {
    const digest = hash('sha1', this.#salt + text, 'buffer');
    return Array.from({ length: PLACES }, (_, index) => digest.readUInt32BE(4 * index) % this.#size);
  }
}
