import { setImmediate } from 'node:timers/promises';

/** Waits for all of them, also when one has failed, and then fails with the first: a test leaves nothing running. */
export async function allOf<Value>(calls: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(calls);
  return Promise.all(calls);
}

/** Calls after so many turns of the event loop; at once, after none. */
export async function afterTurns<Value>(turns: number, call: () => Promise<Value>): Promise<Value> {
  for (let turn = 0; turn < turns; turn += 1) await setImmediate();
  return call();
}

/** `count` numbers from 0. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
