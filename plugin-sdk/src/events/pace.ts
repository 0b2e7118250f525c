/** How long to wait between attempts, in milliseconds: twice as long each time, with jitter. */
export class Pace {
  readonly first: number;
  readonly most: number;
  readonly #random: () => number;

  constructor(first: number, most: number, random: () => number = Math.random) {
    this.first = first;
    this.most = most;
    this.#random = random;
  }

  /** After so many failures; half of it is left to chance, so that not all come back at once. */
  after(failures: number): number {
    const full = Math.min(this.most, this.first * 2 ** Math.min(30, failures - 1));
    return full * (0.5 + this.#random() / 2);
  }
}
