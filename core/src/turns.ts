/** Work on the same thing is done one after the other, work on different things at once. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does `work` once everybody who has come before for `name` is through, be it with an error. */
  async take<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name);
    const turn = Promise.allSettled([before]).then(work);
    this.#last.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    }
  }
}
