import type { Hooks } from '@entrepot/plugin-sdk';
import type { RequestContext } from '../http/request-context.ts';
import type { Guard } from '../store/tag-store.ts';

/** Asks the `change` taps about each change that a request is about to make; `undefined` when there are none. */
export function guardOf(hooks: Hooks, { identity }: RequestContext): Guard | undefined {
  if (!hooks.change.isUsed()) return undefined;
  return (change) => hooks.change.call({ ...change, identity });
}
