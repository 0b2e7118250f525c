interface Entry<Value> {
  readonly value: Value;
  readonly end: number;
}

/** Remembers something under keys for a while. Of too many the oldest goes first. */
export class Recent<Value> {
  readonly #milliseconds: number;
  readonly #maxKeys: number;
  readonly #now: () => number;
  /** In the order in which they came. */
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(milliseconds: number, maxKeys: number, now: () => number) {
    this.#milliseconds = milliseconds;
    this.#maxKeys = maxKeys;
    this.#now = now;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.end > this.#now() ? entry.value : undefined;
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, end: this.#now() + this.#milliseconds });
    if (this.#entries.size <= this.#maxKeys) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}
