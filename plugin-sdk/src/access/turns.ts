import { RegistryError } from '../errors.ts';

export interface TurnLimits {
  /** How many work at the same time. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly maxWaiting: number;
}

/** Lets a few check passwords at a time, whoever comes first; a bounded number of others wait in line. */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** @throws RegistryError `TOOMANYREQUESTS` when too many wait already; whatever `work` throws. */
  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#working -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#working < this.#limits.concurrency) {
      this.#working += 1;
      return;
    }
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      throw new RegistryError('TOOMANYREQUESTS', 'too many are logging in; try again', {
        headers: { 'retry-after': '2' },
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
