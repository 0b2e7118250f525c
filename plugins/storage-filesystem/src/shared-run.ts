/**
 * Work whose result everybody who waits can share, if only it began after he asked. A burst of callers costs two runs,
 * the one that was going on and one for all who came meanwhile.
 */
export class SharedRun<Result> {
  readonly #work: () => Promise<Result>;
  #current: Promise<Result> | undefined;
  #next: Promise<Result> | undefined;

  constructor(work: () => Promise<Result>) {
    this.#work = work;
  }

  /** Whether nobody is waiting. */
  get idle(): boolean {
    return this.#current === undefined && this.#next === undefined;
  }

  /** The result of a run that begins after this call. */
  join(): Promise<Result> {
    if (this.#next !== undefined) return this.#next;
    if (this.#current === undefined) return this.#begin();
    const begin = () => {
      this.#next = undefined;
      return this.#begin();
    };
    this.#next = this.#current.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<Result> {
    const run = this.#work().finally(() => {
      if (this.#current === run) this.#current = undefined;
    });
    this.#current = run;
    return run;
  }
}
