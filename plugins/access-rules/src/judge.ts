import type { AuthorizeRequest, Logger } from '@entrepot/plugin-sdk';
import { actionsOf, type Action, type Question } from './rule.ts';
import type { Decision, RuleSet } from './rule-set.ts';

/** Rules as a function: `true` allows, `false` or a reason denies, `undefined` leaves it to the rules. */
export type Decide = (
  question: Question,
) => boolean | string | undefined | Promise<boolean | string | undefined>;

export interface JudgeParts {
  /** Names of the users of each group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly rules: RuleSet;
  readonly shadow: RuleSet | undefined;
  readonly decide: Decide | undefined;
  readonly log: Logger;
}

/** The most different denials of the shadow rules that are logged; each is logged once. */
const MAX_SHADOW_LINES = 10_000;

/** Decides whether all that a request needs is allowed, and says why not. */
export class Judge {
  readonly #parts: JudgeParts;
  readonly #logged = new Set<string>();

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  /** Why the request is refused, in a sentence; undefined when it is not. The catalog shows what may be pulled. */
  async refusal(request: AuthorizeRequest): Promise<string | undefined> {
    const { identity, address, access, explain } = request;
    request.limitCatalog?.(async (name) => {
      const pull = [{ type: 'repository', name, action: 'pull' }] as const;
      return (await this.refusal({ identity, address, access: pull })) === undefined;
    });
    const groups = this.#groupsOf(request);
    const refusals: string[] = [];
    const judge = async (action: Action, repository: string): Promise<boolean> => {
      const question: Question = { identity, groups, address, action, repository };
      const { allowed, because } = await this.#decide(question);
      explain?.(`${deedOf(question)}: ${because}`);
      if (allowed) this.#askShadow(question, explain);
      else
        refusals.push(`${identity?.subject ?? 'who is not known'} may not ${deedOf(question)}: ${because}`);
      return allowed;
    };
    for (const wanted of access) {
      const repository = wanted.type === 'repository' ? wanted.name : '';
      for (const action of actionsOf(wanted)) {
        const allowed = await judge(action, repository);
        if (allowed && action === 'push' && (await this.#isNew(repository, request)))
          await judge('create', repository);
      }
    }
    return refusals[0];
  }

  /** Whether a push creates the repository, where any rule wants to know. */
  async #isNew(repository: string, { exists }: AuthorizeRequest): Promise<boolean> {
    const { rules, shadow } = this.#parts;
    if (exists === undefined || !(rules.asksForCreate || shadow?.asksForCreate === true)) return false;
    return !(await exists(repository));
  }

  async #decide(question: Question): Promise<Decision> {
    const { decide, rules } = this.#parts;
    const opinion: unknown = await decide?.(question);
    if (opinion === undefined) return rules.decide(question);
    if (opinion === true) return { allowed: true, because: "the function 'decide' allows it" };
    const because = "the function 'decide' denies it";
    return { allowed: false, because: typeof opinion === 'string' ? `${because}: ${opinion}` : because };
  }

  #askShadow(question: Question, explain: ((reason: string) => void) | undefined): void {
    const { shadow, log } = this.#parts;
    const decision = shadow?.decide(question);
    if (decision === undefined || decision.allowed) return;
    if (explain !== undefined) {
      explain(`${deedOf(question)}: the shadow rules would deny it, ${decision.because}`);
      return;
    }
    const { identity, action, repository } = question;
    const line = { user: identity?.subject, action, repository, because: decision.because };
    const key = JSON.stringify(line);
    if (this.#logged.has(key) || this.#logged.size >= MAX_SHADOW_LINES) return;
    this.#logged.add(key);
    log.warn(line, 'the shadow rules would deny this');
  }

  #groupsOf({ identity }: AuthorizeRequest): ReadonlySet<string> {
    if (identity === undefined) return new Set();
    const listed = Object.entries(this.#parts.groups).flatMap(([group, users]) =>
      users.includes(identity.subject) ? [group] : [],
    );
    return new Set([...(identity.groups ?? []), ...listed]);
  }
}

function deedOf({ action, repository }: Question): string {
  switch (action) {
    case 'pull':
      return `pull from ${repository}`;
    case 'push':
      return `push to ${repository}`;
    case 'create':
      return `create ${repository}`;
    case 'delete':
      return `delete in ${repository}`;
    case 'catalog':
      return 'list the repositories';
  }
}
