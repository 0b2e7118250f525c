import type { Passage, StorageCall } from '@entrepot/storage-simulator';

/** Turns of the event loop without a call after which nothing but storage is waited for. Nothing here needs more I/O. */
const QUIET_TURNS = 100;

/**
 * A storage in which each call takes one round: calls are held until nothing else can happen any more, then all of them
 * take place at once. So what has to wait for an answer of storage is in a later round, however fast the machine is.
 */
export class Rounds implements Passage {
  #rounds: StorageCall[][] = [];
  #held: { readonly call: StorageCall; readonly go: () => void }[] = [];

  async pass<Answer>(call: StorageCall, perform: () => Promise<Answer>): Promise<Answer> {
    await new Promise<void>((go) => this.#held.push({ call, go }));
    return perform();
  }

  /** Runs `operation` to its end, and gives the calls of each round it took. */
  async during(operation: () => Promise<unknown>): Promise<readonly (readonly StorageCall[])[]> {
    this.#rounds = [];
    const state = { hasEnded: false };
    const running = operation().finally(() => {
      state.hasEnded = true;
    });
    // What comes after the answer, an event for instance, belongs to it as well.
    while ((await this.#nextRound()) || !state.hasEnded);
    await running;
    return this.#rounds;
  }

  /** Whether there was one. */
  async #nextRound(): Promise<boolean> {
    let held = this.#held.length;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#held.length > held) quiet = 0;
      held = this.#held.length;
    }
    if (held === 0) return false;
    const round = this.#held.splice(0);
    this.#rounds.push(round.map(({ call }) => call));
    for (const { go } of round) go();
    return true;
  }
}
