/** Remembers keys for a while. Of too many the oldest goes first. */
export class Recent {
  readonly #milliseconds: number;
  readonly #maxKeys: number;
  readonly #now: () => number;
  /** When each key is forgotten, in the order in which they came. */
  readonly #ends = new Map<string, number>();

  constructor(milliseconds: number, maxKeys: number, now: () => number) {
    this.#milliseconds = milliseconds;
    this.#maxKeys = maxKeys;
    this.#now = now;
  }

  has(key: string): boolean {
    const end = this.#ends.get(key);
    return end !== undefined && end > this.#now();
  }

  add(key: string): void {
    this.#ends.delete(key);
    this.#ends.set(key, this.#now() + this.#milliseconds);
    if (this.#ends.size <= this.#maxKeys) return;
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest);
      return;
    }
  }
}
