/** How a request to change something has ended. One that is `lost` may have been carried out until then, or not. */
export type Outcome = 'open' | 'acknowledged' | 'lost' | 'refused';

/** One request to make an object `value`. */
interface Change<Value> {
  readonly value: Value;
  /** Whether it stands for all that was before it was last looked at, and so for no request. */
  readonly isOrigin?: true;
  /** Changes nothing unless the object is this. */
  readonly only: Value | undefined;
  /** Moments between which it takes effect, if it does. */
  readonly from: number;
  to: number;
  outcome: Outcome;
}

/** A request that is under way: told once how it has ended, and when. */
export type Conclude = (outcome: Exclude<Outcome, 'open'>, at: number) => void;

/**
 * What is known of one object: a tag, a manifest, a blob of a repository. Requests to change it have a beginning and an
 * end and take effect somewhere in between; so several clients may change it at the same time, and still it is known
 * which values it can have.
 */
export class Register<Value> {
  #changes: Change<Value>[] = [];

  constructor(initial: Value) {
    this.settle(initial, 0);
  }

  /** A request to make it `value` begins; with `only`, it is to change nothing unless the object is that. */
  change(value: Value, from: number, only?: Value): Conclude {
    const change: Change<Value> = { value, only, from, to: Infinity, outcome: 'open' };
    this.#changes.push(change);
    return (outcome, at) => {
      change.outcome = outcome;
      change.to = at;
    };
  }

  /** What it may have been at some moment between these two. */
  possible(from: number, to: number): Set<Value> {
    const possible = this.#changes.filter(
      (change) =>
        change.outcome !== 'refused' &&
        change.from <= to &&
        this.#canApply(change) &&
        !this.#isOver(change, from),
    );
    return new Set(possible.map(({ value }) => value));
  }

  /** Its value, if there is only one it can have at this moment. */
  certain(at: number): Value | undefined {
    const [value, ...others] = this.possible(at, at);
    return others.length === 0 ? value : undefined;
  }

  /** It has been looked at while nobody changed it: it is this, and what was in doubt before no longer is. */
  settle(value: Value, at: number): void {
    this.#changes = [{ value, isOrigin: true, only: undefined, from: at, to: at, outcome: 'acknowledged' }];
  }

  /** Whether a request that was lost since the last time it was settled may have made it this. */
  isInDoubt(value: Value): boolean {
    return this.#changes.some((change) => change.value === value && change.outcome === 'lost');
  }

  /** Whether there has been a request to make it this, since it was settled. */
  isWanted(value: Value): boolean {
    return this.#changes.some(
      (change) => change.value === value && change.outcome !== 'refused' && change.isOrigin !== true,
    );
  }

  /** Whether what the change has made is certainly no longer there at this moment. */
  #isOver(change: Change<Value>, at: number): boolean {
    return this.#changes.some(
      (later) =>
        later.outcome === 'acknowledged' &&
        later.from > change.to &&
        later.to < at &&
        (later.only === undefined || later.only === change.value),
    );
  }

  #canApply({ only, from, to }: Change<Value>): boolean {
    if (only === undefined) return true;
    return this.#changes.some(
      (before) =>
        before.value === only &&
        before.outcome !== 'refused' &&
        before.from < to &&
        !this.#isOver(before, from),
    );
  }
}
