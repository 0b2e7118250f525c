/** The run is over: whoever still wants to ask does not get to it. */
export class RunIsOver extends Error {
  override readonly name = 'RunIsOver';
}

/** Lets requests pass while it is open, and knows when none is under way. */
export class Gate {
  #opening = Promise.withResolvers<void>();
  #underWay = 0;
  #quiet: (() => void) | undefined;

  open(): void {
    this.#opening.resolve();
  }

  /** Returns when the last request that has passed is over. */
  async close(): Promise<void> {
    this.#opening = Promise.withResolvers<void>();
    if (this.#underWay > 0) await new Promise<void>((quiet) => (this.#quiet = quiet));
    this.#quiet = undefined;
  }

  /** Nobody passes any more. To be called while it is closed. */
  end(): void {
    this.#opening.promise.catch(() => undefined);
    this.#opening.reject(new RunIsOver('the run is over'));
  }

  /** @throws RunIsOver */
  async pass<Result>(request: () => Promise<Result>): Promise<Result> {
    await this.#opening.promise;
    this.#underWay += 1;
    try {
      return await request();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#quiet?.();
    }
  }
}
