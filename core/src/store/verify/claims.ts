import { BloomFilter } from '../bloom-filter.ts';

/** 16 MiB: with 10 million keys in it, one key in 200 is taken for a member that is none. */
const BITS = 2 ** 27;

/**
 * The storage keys that something refers to, in a space that does not grow with their number. A key that was added is
 * always found. One that was not is found by mistake now and then, and then an orphan is missed until the next time.
 */
export class Claims {
  /** Whether no record has been set aside that may have referred to something. */
  areComplete = true;
  readonly #keys = new BloomFilter(BITS);

  add(key: string): void {
    this.#keys.add(key);
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }
}
