import { RegistryError, type ContentChange } from '@entrepot/plugin-sdk';
import { matchesText, RepositoryGlob } from '@entrepot/plugin-sdk/access';

/** Tags that keep pointing at what they were first set to. */
export interface ImmutableOptions {
  readonly repositories?: readonly string[];
  readonly tags: readonly string[];
  readonly except?: readonly string[];
  readonly mayBeDeleted?: boolean;
  readonly reason?: string;
}

/** Repositories in which nothing is overwritten or deleted. */
export interface ProtectedOptions {
  readonly repositories: readonly string[];
  readonly reason?: string;
}

export interface PolicyOptions {
  readonly immutable: readonly ImmutableOptions[];
  readonly protected: readonly ProtectedOptions[];
}

/** What a rule says of a change that it is against. */
interface Objection {
  readonly what: string;
  readonly reason: string | undefined;
}

type Rule = (change: ContentChange) => Objection | undefined;

/** Which changes are refused. Asked at the very moment of a change, of what is there then. */
export class Policy {
  readonly #rules: readonly Rule[];

  constructor(options: PolicyOptions) {
    this.#rules = [
      ...options.protected.map((rule, index) => protectedBy(rule, `protected rule ${index + 1}`)),
      ...options.immutable.map((rule, index) => immutableBy(rule, `immutable rule ${index + 1}`)),
    ];
  }

  /** @throws RegistryError `DENIED` that names the first rule that is against it. */
  check(change: ContentChange): void {
    // Nothing changes for anybody when a tag is set to what it points at.
    if (change.action === 'set' && (change.previousDigest ?? change.digest) === change.digest) return;
    for (const rule of this.#rules) {
      const objection = rule(change);
      if (objection === undefined) continue;
      const { what, reason } = objection;
      throw new RegistryError('DENIED', reason === undefined ? what : `${what}: ${reason}`);
    }
  }
}

function protectedBy({ repositories, reason }: ProtectedOptions, name: string): Rule {
  const isMeant = repositoriesLike(repositories);
  return ({ action, kind, repository, tag, previousDigest, digest }) => {
    if (!isMeant(repository)) return undefined;
    const what =
      action === 'delete'
        ? `${tag === undefined ? `the ${kind} ${digest}` : `the tag '${tag}'`} may not be deleted`
        : `the tag '${tag ?? ''}' may not be moved away from ${previousDigest ?? ''}`;
    return { what: `${repository} is protected by ${name}, and ${what}`, reason };
  };
}

function immutableBy(
  { repositories, tags, except = [], mayBeDeleted = false, reason }: ImmutableOptions,
  name: string,
): Rule {
  const isMeant = repositoriesLike(repositories);
  return ({ action, repository, tag, previousDigest }) => {
    if (tag === undefined || (action === 'delete' && mayBeDeleted) || !isMeant(repository)) return undefined;
    if (!matchesAny(tags, tag) || matchesAny(except, tag)) return undefined;
    const what =
      action === 'delete'
        ? 'may not be deleted'
        : `points at ${previousDigest ?? ''}; push what has changed under another tag`;
    return { what: `the tag '${tag}' of ${repository} is immutable by ${name}, and ${what}`, reason };
  };
}

function repositoriesLike(patterns: readonly string[] = ['**']): (repository: string) => boolean {
  const globs = patterns.map((pattern) => new RepositoryGlob(pattern));
  return (repository) => globs.some((glob) => glob.matches(repository, undefined));
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesText(pattern, text));
}
