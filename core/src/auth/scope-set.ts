import type { Access, Identity, Scope } from '@entrepot/plugin-sdk';
import { RepositoryGlob } from '@entrepot/plugin-sdk/access';

interface CompiledScope {
  readonly globs: readonly RepositoryGlob[];
  readonly actions: ReadonlySet<Scope['actions'][number]>;
}

/** The scopes of credentials, which can be asked what they cover. */
export class ScopeSet {
  readonly #scopes: readonly CompiledScope[];
  readonly #user: string;

  constructor(scopes: readonly Scope[], { subject }: Identity) {
    this.#scopes = scopes.map(({ repositories, actions }) => ({
      globs: repositories.map((pattern) => new RepositoryGlob(pattern)),
      actions: new Set(actions),
    }));
    this.#user = subject;
  }

  /** Every action of a repository, `*`, is covered by `*` alone. */
  covers({ type, name, action }: Access): boolean {
    const wanted = type === 'registry' ? 'catalog' : action;
    return this.#scopes.some(
      ({ globs, actions }) =>
        (actions.has('*') || actions.has(wanted)) &&
        (type === 'registry' || globs.some((glob) => glob.matches(name, this.#user))),
    );
  }
}
