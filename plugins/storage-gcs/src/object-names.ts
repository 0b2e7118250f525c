/** The folder of what is not complete yet. `+` is in no key, and comes before all that may be in one. */
const PARTS = '+parts/';
/** The first of the characters that a key may begin with. */
const FIRST = '-';

/** Keys as names of objects: they are the same, after the prefix. */
export class ObjectNames {
  readonly #prefix: string;

  /** `prefix` is what every key begins with: empty, or folders that end in `/`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  nameOf(key: string): string {
    return this.#prefix + key;
  }

  keyOf(name: string): string {
    return name.slice(this.#prefix.length);
  }

  /** Where a list of keys begins: behind all parts, which are thus neither listed nor paid for. */
  offsetOf(key: string): string {
    return this.#prefix + (key === '' ? FIRST : key);
  }

  /** What the names of all parts of an upload begin with. */
  partsOf(upload: string): string {
    return `${this.#prefix}${PARTS}${upload}/`;
  }
}
