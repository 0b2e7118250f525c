/**
 * Keys as names of blobs. Azure does not tell `a.` from `a`, nor `a./b` from `a/b` ("Naming and referencing containers,
 * blobs, and metadata": no path segment should end with a dot), but both may be keys: tags may end in dots.
 *
 * So a dot is followed by `!` wherever the segment ends, and before `-` and `.` as well: that leaves the order of names
 * that of keys, since `!` takes the place of an end, `-`, `.` or `/`, and all of these come before letters and digits.
 * Most keys are their own names; `!` is in no key.
 */
const LAST_OR_UNSURE = /\.(?=[-./]|$)/g;

export class BlobNames {
  readonly #prefix: string;

  /** `prefix` is what every key begins with: empty, or folders that end in `/`. */
  constructor(prefix: string) {
    this.#prefix = this.#encode(prefix);
  }

  nameOf(key: string): string {
    return this.#prefix + this.#encode(key);
  }

  /** What the names of all keys begin with that begin with `prefix`, which may end anywhere in a key. */
  prefixOf(prefix: string): string {
    const name = this.#encode(prefix);
    return this.#prefix + (name.endsWith('!') ? name.slice(0, -1) : name);
  }

  keyOf(name: string): string {
    return name.slice(this.#prefix.length).replaceAll('!', '');
  }

  #encode(key: string): string {
    return key.replaceAll(LAST_OR_UNSURE, '.!');
  }
}
