import type { Access, Identity } from '@entrepot/plugin-sdk';
import { claimOf, matchesText, Networks, RepositoryGlob } from '@entrepot/plugin-sdk/access';

/** What rules speak of. `create` is the first push to a repository, `catalog` the list of repositories. */
export const actions = ['pull', 'push', 'create', 'delete', 'catalog'] as const;
export type Action = (typeof actions)[number];

/** A rule as it is written. */
export interface RuleOptions {
  readonly who: readonly string[];
  readonly claims?: Readonly<Record<string, string>>;
  readonly networks?: readonly string[];
  readonly repositories?: readonly string[];
  readonly allow?: readonly (Action | '*')[];
  readonly deny?: readonly (Action | '*')[];
  readonly reason?: string;
}

/** One thing that somebody wants to do. */
export interface Question {
  readonly identity: Identity | undefined;
  /** Those the identity came with, and those of the configuration. */
  readonly groups: ReadonlySet<string>;
  readonly address: string;
  readonly action: Action;
  /** Empty for the catalog. */
  readonly repository: string;
}

/** The actions in the words of rules: `*` of a repository is all three. */
export function actionsOf({ type, action }: Access): readonly Action[] {
  if (type === 'registry') return ['catalog'];
  return action === '*' ? ['pull', 'push', 'delete'] : [action];
}

/** A rule that can be asked whether it has something to say. */
export class Rule {
  readonly allows: boolean;
  /** Whether it says `create` in so many words. */
  readonly namesCreate: boolean;
  readonly reason: string | undefined;
  readonly #who: readonly string[];
  readonly #claims: readonly [name: string, pattern: string][];
  readonly #networks: Networks | undefined;
  readonly #globs: readonly RepositoryGlob[];
  readonly #actions: ReadonlySet<string>;

  /** @throws Error that says what is wrong with the rule. */
  constructor({ who, claims = {}, networks, repositories = ['**'], allow, deny, reason }: RuleOptions) {
    const listed = allow ?? deny;
    if (listed === undefined || (allow !== undefined && deny !== undefined))
      throw new Error("it needs either 'allow' or 'deny'");
    for (const entry of who) {
      if (!/^(?:everyone|anonymous|known|(?:user|group):.+)$/s.test(entry)) {
        throw new Error(
          `'${entry}' is nobody; write everyone, anonymous, known, user:<name> or group:<name>`,
        );
      }
    }
    this.allows = allow !== undefined;
    this.namesCreate = listed.includes('create');
    this.reason = reason;
    this.#who = who;
    this.#claims = Object.entries(claims);
    this.#networks = networks === undefined ? undefined : new Networks(networks);
    this.#globs = repositories.map((pattern) => new RepositoryGlob(pattern));
    this.#actions = new Set(listed.includes('*') ? actions : listed);
  }

  /** Whether the rule decides this: all that it names has to fit. */
  decides(question: Question): boolean {
    const { identity, action, repository, address } = question;
    return (
      this.#actions.has(action) &&
      (action === 'catalog' || this.#globs.some((glob) => glob.matches(repository, identity?.subject))) &&
      this.#who.some((entry) => isOne(entry, question)) &&
      this.#claims.every(([name, pattern]) => hasClaim(identity, name, pattern)) &&
      (this.#networks?.has(address) ?? true)
    );
  }
}

function isOne(entry: string, { identity, groups }: Question): boolean {
  if (entry === 'everyone') return true;
  if (entry === 'anonymous') return identity === undefined;
  if (identity === undefined) return false;
  if (entry === 'known') return true;
  const pattern = entry.slice(entry.indexOf(':') + 1);
  if (entry.startsWith('user:')) return matchesText(pattern, identity.subject);
  return [...groups].some((group) => matchesText(pattern, group));
}

/** A claim is a text, a number or a truth value, or a list of them one of which fits. */
function hasClaim(identity: Identity | undefined, name: string, pattern: string): boolean {
  const value = claimOf(identity?.claims, name);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.some(
    (each) =>
      (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') &&
      matchesText(pattern, String(each)),
  );
}
