/** Counts how often something was in memory already, and how often storage had to give it. */
export class CacheCount {
  #hits = 0;
  #misses = 0;

  hit(): void {
    this.#hits += 1;
  }

  miss(): void {
    this.#misses += 1;
  }

  get figures(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }
}
