import { isDeepStrictEqual } from 'node:util';
import type { Actor } from './actor.ts';

/** What an operation does, as the users of the registry are to see it: all at once, at one moment of its run. */
export interface Operation<State> {
  /** What it may answer in this state, and what it then leaves. */
  readonly done: (state: State) => readonly { readonly answer: unknown; readonly state: State }[];
  /** What may be left of it when its process dies in the middle. */
  readonly cut: (state: State) => readonly State[];
}

/**
 * Whether there is an order of the operations that explains what all of them answered and what is there in the end:
 * linearizability, for operations that all ran at the same time.
 */
export function isExplained<State>(
  before: State,
  operations: Readonly<Record<string, Operation<State>>>,
  actors: readonly Actor[],
  after: State,
): boolean {
  if (actors.length === 0) return isDeepStrictEqual(before, after);
  return actors.some((actor) => {
    const operation = operations[actor.name];
    if (operation === undefined) throw new Error(`it is not said what ${actor.name} does`);
    const others = actors.filter((other) => other !== actor);
    return statesAfter(operation, actor, before).some((state) =>
      isExplained(state, operations, others, after),
    );
  });
}

function statesAfter<State>(operation: Operation<State>, { outcome }: Actor, state: State): readonly State[] {
  switch (outcome.end) {
    case 'answer':
      return operation
        .done(state)
        .filter(({ answer }) => isDeepStrictEqual(answer, outcome.answer))
        .map((possible) => possible.state);
    case 'death':
      return operation.cut(state);
    case 'error':
      throw outcome.error;
    case 'none':
      return [];
  }
}
