import type { Access } from '@entrepot/plugin-sdk';

/** More entries than any token that fits in a header has. */
const MAX_ENTRIES = 2000;

/** What the `access` claim of a token allows: resources by their exact names. `class` is not looked at. */
export class Grants {
  readonly #actions = new Map<string, Set<string>>();

  /**
   * Reads the claim. A token without it allows nothing, and serves for a login.
   * @throws Error when it is something else than a list of `{ type, name, actions }`.
   */
  constructor(claim: unknown) {
    if (claim === undefined || claim === null) return;
    if (!Array.isArray(claim) || claim.length > MAX_ENTRIES) throw new Error('it is no list of resources');
    const entries: readonly unknown[] = claim;
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: unknown): void {
    if (typeof entry !== 'object' || entry === null || !('type' in entry) || !('name' in entry))
      throw new Error('an entry has no type and name');
    const { type, name } = entry;
    const actions: unknown = 'actions' in entry ? entry.actions : undefined;
    if (typeof type !== 'string' || typeof name !== 'string') throw new Error('a type or name is no text');
    if (actions === undefined || actions === null) return;
    if (!Array.isArray(actions)) throw new Error('the actions of an entry are no list');
    const key = keyOf(type, name);
    const known = this.#actions.get(key) ?? new Set<string>();
    this.#actions.set(key, known);
    for (const action of actions) if (typeof action === 'string') known.add(action);
  }

  /** Whether all of `access` is allowed. The action `*` stands for each; in a name it is no wildcard. */
  cover(access: readonly Access[]): boolean {
    return access.every(({ type, name, action }) => {
      const allowed = this.#actions.get(keyOf(type, name));
      return allowed !== undefined && (allowed.has('*') || allowed.has(action));
    });
  }
}

function keyOf(type: string, name: string): string {
  return JSON.stringify([type, name]);
}
