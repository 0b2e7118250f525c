interface Flight<Result> {
  readonly running: Promise<Result>;
  /** Begins when `running` has ended; everybody who has come meanwhile waits for it. */
  next: Promise<Result> | undefined;
}

/**
 * Answers many who ask the same at once with few questions. Nobody gets an answer to a question that was asked before
 * they came, so it is as fresh as one of their own: a crowd costs two questions, not one stale one.
 */
export class Coalesced<Result> {
  readonly #ask: (key: string) => Promise<Result>;
  readonly #flights = new Map<string, Flight<Result>>();

  constructor(ask: (key: string) => Promise<Result>) {
    this.#ask = ask;
  }

  get(key: string): Promise<Result> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#start(key);
    flight.next ??= flight.running.then(
      () => this.#start(key),
      () => this.#start(key),
    );
    return flight.next;
  }

  #start(key: string): Promise<Result> {
    const running = this.#ask(key);
    const flight: Flight<Result> = { running, next: undefined };
    this.#flights.set(key, flight);
    const land = (): void => {
      if (flight.next === undefined) this.#flights.delete(key);
    };
    running.then(land, land);
    return running;
  }
}
