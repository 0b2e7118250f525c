/** How an operation has ended: with an answer, with an error, or not at all, because its process died. */
export type Outcome =
  | { readonly end: 'answer'; readonly answer: unknown }
  | { readonly end: 'error'; readonly error: Error }
  | { readonly end: 'death' }
  | { readonly end: 'none' };

/** Somebody who uses the store: one request, or the sweep of a process. */
export class Actor {
  readonly name: string;
  readonly #calls = new Map<string, number>();
  /** What each storage call has shown. */
  readonly #seen = new Map<string, string>();
  #outcome: Outcome = { end: 'none' };

  constructor(name: string) {
    this.name = name;
  }

  /** Begins `work`; whatever becomes of it is kept in {@link outcome}. */
  begin(work: () => Promise<unknown>): void {
    work().then(
      (answer) => (this.#outcome = { end: 'answer', answer }),
      (error: unknown) => {
        this.#outcome = { end: 'error', error: error instanceof Error ? error : new Error(String(error)) };
      },
    );
  }

  die(): void {
    this.#outcome = { end: 'death' };
  }

  get outcome(): Outcome {
    return this.#outcome;
  }

  /** Names a call: the same in each run, in whatever order simultaneous calls are let go. */
  label(call: string): string {
    const count = (this.#calls.get(call) ?? 0) + 1;
    this.#calls.set(call, count);
    return `${this.name} ${call}${count === 1 ? '' : ` (${count})`}`;
  }

  see(label: string, what: string): void {
    this.#seen.set(label, what);
  }

  /** All that decides what it will do next. */
  state(): string {
    return [this.name, this.#outcome.end, ...[...this.#seen].sort().map((seen) => seen.join(': '))].join(
      '\n',
    );
  }
}
