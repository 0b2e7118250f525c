import { OptionsError } from '@entrepot/plugin-sdk';

/** Gathers every mistake of a configuration, so that its author sees them all at once. */
export class Problems {
  readonly found: string[] = [];

  add(problem: string): void {
    this.found.push(problem);
  }

  /** Runs `work`; an {@link OptionsError} is noted and gives `undefined`. */
  attempt<Result>(work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      this.found.push(...error.problems);
      return undefined;
    }
  }
}
