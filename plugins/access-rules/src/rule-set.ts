import { Rule, type Question, type RuleOptions } from './rule.ts';

/** What came of a question. */
export interface Decision {
  readonly allowed: boolean;
  /** `rule 2 allows it`, `no rule allows it`; with the rule's own reason if it has one. */
  readonly because: string;
}

/**
 * Rules in order: the first that fits decides, and what none decides is denied. Not the most specific one: of a list that
 * is read from the top, people see what happens, and one line explains it.
 */
export class RuleSet {
  /** Whether a first push needs more than any other: only where a rule names `create`. */
  readonly asksForCreate: boolean;
  readonly #rules: readonly Rule[];

  /** `name` begins messages: `rules`. @throws Error that names the rule with a mistake. */
  constructor(name: string, rules: readonly RuleOptions[]) {
    this.#rules = rules.map((options, index) => {
      try {
        return new Rule(options);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`${name}[${index}]: ${reason}`, { cause: error });
      }
    });
    this.asksForCreate = this.#rules.some(({ namesCreate }) => namesCreate);
  }

  decide(question: Question): Decision {
    if (question.action === 'create' && !this.asksForCreate)
      return { allowed: true, because: 'no rule is about new repositories' };
    const index = this.#rules.findIndex((rule) => rule.decides(question));
    const rule = this.#rules[index];
    if (rule === undefined) return { allowed: false, because: 'no rule allows it' };
    const because = `rule ${index + 1} ${rule.allows ? 'allows' : 'denies'} it`;
    return {
      allowed: rule.allows,
      because: rule.reason === undefined ? because : `${because}: ${rule.reason}`,
    };
  }
}
