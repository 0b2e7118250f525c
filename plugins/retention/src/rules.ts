import type { JudgedTag, TagVerdict } from '@entrepot/plugin-sdk';
import { RepositoryGlob } from '@entrepot/plugin-sdk/access';
import { keepRuleOf, type Candidate, type KeepOptions, type KeepRule } from './keep-rule.ts';

/** What is kept in some repositories. */
export interface PolicyOptions {
  readonly repositories: readonly string[];
  readonly keep: readonly KeepOptions[];
}

/** When tags and digests of a repository were pulled last, as far as it is known. */
export interface KnownPulls {
  /** What is not known to have been pulled may have been until then; milliseconds since 1970. */
  readonly unknownUntil: number;
  /** When the tag was pulled last, or what it points at by its digest; milliseconds since 1970. */
  readonly of: (tag: string, digest: string) => number | undefined;
}

interface Policy {
  readonly title: string;
  readonly globs: readonly RepositoryGlob[];
  readonly rules: readonly KeepRule[];
}

/** The rules of all repositories. The first policy whose patterns fit a repository has it alone. */
export class Rules {
  readonly #policies: readonly Policy[];

  /** @throws Error that says what is wrong with them. */
  constructor(policies: readonly PolicyOptions[]) {
    this.#policies = policies.map(({ repositories, keep }, index) => {
      const title = `policy ${index + 1}`;
      try {
        return {
          title,
          globs: repositories.map((pattern) => new RepositoryGlob(pattern)),
          rules: keep.map((options, position) => keepRuleOf(options, position + 1)),
        };
      } catch (error) {
        throw new Error(`${title}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    });
  }

  isAbout(repository: string): boolean {
    return this.#policyOf(repository) !== undefined;
  }

  /** Whether a rule for this repository asks when tags were pulled. */
  needsPulls(repository: string): boolean {
    return this.#policyOf(repository)?.rules.some(({ needsPulls }) => needsPulls) ?? false;
  }

  /** Says of each tag which rule keeps it, the first that does, or that none does. */
  judge(
    repository: string,
    tags: readonly JudgedTag[],
    pulls: KnownPulls,
    now: number,
  ): readonly TagVerdict[] {
    const policy = this.#policyOf(repository);
    if (policy === undefined) return [];
    const candidates = tags.map((tag) => candidateOf(tag, pulls));
    const verdicts = new Map<string, TagVerdict>();
    for (const rule of policy.rules) {
      const title = `${policy.title}, ${rule.title}`;
      for (const tag of rule.keeps(candidates, now))
        if (!verdicts.has(tag)) verdicts.set(tag, { tag, keeps: true, rule: title });
    }
    const none = `${policy.title}, which keeps it by none of its rules`;
    return tags.map(({ tag }) => verdicts.get(tag) ?? { tag, keeps: false, rule: none });
  }

  #policyOf(repository: string): Policy | undefined {
    return this.#policies.find(({ globs }) => globs.some((glob) => glob.matches(repository, undefined)));
  }
}

/** A tag that has not been pulled counts as used when it was pushed; one whose pulls may be unknown, as used until then. */
function candidateOf(tag: JudgedTag, { unknownUntil, of }: KnownPulls): Candidate {
  const usedFrom = Math.max(tag.pushed, of(tag.tag, tag.digest) ?? 0);
  return { ...tag, usedFrom, usedUntil: Math.max(usedFrom, unknownUntil) };
}
