import type { Access } from '@entrepot/plugin-sdk';

/** More than any client asks for: a push with mounts has two or three. */
const MAX_SCOPES = 100;
const ACTIONS = ['pull', 'push', 'delete', '*'] as const;

/** The class in brackets is not looked at. */
const SCOPE = /^([a-z]+)(?:\([^()]*\))?:(.+):([^:]*)$/;

/** A resource and actions of it, as the `access` claim has them. */
export interface Grant {
  readonly type: Access['type'];
  readonly name: string;
  readonly actions: readonly Access['action'][];
}

/**
 * Reads `scope` parameters, repeated or with spaces between: `repository:team/app:pull,push`. Types and actions that are
 * not known are left out, as nobody may do them. @throws Error when there are too many.
 */
export function parseScopes(values: readonly string[]): readonly Grant[] {
  const scopes = values.flatMap((value) => value.split(' ')).filter((scope) => scope !== '');
  if (scopes.length > MAX_SCOPES) throw new Error(`more than ${MAX_SCOPES} scopes are asked for`);
  return scopes.flatMap((scope) => {
    const [, prefix, name, asked] = SCOPE.exec(scope) ?? [];
    const type = prefix === 'repository' || prefix === 'registry' ? prefix : undefined;
    if (type === undefined || name === undefined || asked === undefined) return [];
    const words = new Set(asked.split(','));
    return [{ type, name, actions: ACTIONS.filter((action) => words.has(action)) }];
  });
}

/** Whether the grants have all of `access`: names letter by letter, `*` for every action. */
export function cover(grants: readonly Grant[], access: readonly Access[]): boolean {
  return access.every(({ type, name, action }) =>
    grants.some(
      (grant) =>
        grant.type === type &&
        grant.name === name &&
        (grant.actions.includes('*') || grant.actions.includes(action)),
    ),
  );
}
