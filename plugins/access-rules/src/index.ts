import { definePlugin, RegistryError, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { Judge, type Decide } from './judge.ts';
import { actions, type RuleOptions } from './rule.ts';
import { RuleSet } from './rule-set.ts';

export type { Decide } from './judge.ts';
export type { Action, Question, RuleOptions } from './rule.ts';

interface Options {
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly RuleOptions[];
  readonly shadow?: readonly RuleOptions[];
}

/** What is written into the configuration. */
export interface AccessRulesInput extends Partial<Options> {
  readonly decide?: Decide;
}

const texts = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 } as const;
const someActions = {
  type: 'array',
  items: { type: 'string', enum: [...actions, '*'] },
  minItems: 1,
} as const;

const ruleSchema: JSONSchemaType<RuleOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['who'],
  properties: {
    who: {
      ...texts,
      description:
        'Whom the rule is about, one of: `everyone`, `anonymous`, `known`, `user:<name>`, `group:<name>`; `*` in a name is any characters.',
    },
    claims: {
      type: 'object',
      required: [],
      additionalProperties: { type: 'string' },
      nullable: true,
      description:
        'Claims the identity has to have besides, each with a value; `*` is any characters. `/a/b` is a claim within another.',
    },
    networks: {
      ...texts,
      nullable: true,
      description: 'Where the request has to come from besides: `10.0.0.0/8`.',
    },
    repositories: {
      ...texts,
      nullable: true,
      description:
        'Which repositories; all when left out. `*` is any characters within a path component, `**` one or more components, `${user}` who asks.',
    },
    allow: {
      ...someActions,
      nullable: true,
      description: 'What the rule allows: `pull`, `push`, `create`, `delete`, `catalog`, or `*`.',
    },
    deny: { ...someActions, nullable: true, description: 'What the rule denies, instead of `allow`.' },
    reason: { type: 'string', nullable: true, description: 'Told to who is denied.' },
  },
};

const rules = { type: 'array', items: ruleSchema, maxItems: 10_000 } as const;

/** Asks for what JSON can say; a function is no JSON, so that its shape is checked in `setup`. */
const schema: JSONSchemaType<Options> = withDecide({
  type: 'object',
  additionalProperties: false,
  required: ['groups', 'rules'],
  properties: {
    groups: {
      type: 'object',
      required: [],
      additionalProperties: { type: 'array', items: { type: 'string' } },
      default: {},
      description: 'Groups and the names of their users, besides the groups that identities come with.',
    },
    rules: {
      ...rules,
      default: [],
      description: 'The first that fits decides; what none decides is denied.',
    },
    shadow: {
      ...rules,
      nullable: true,
      description: 'Rules that decide nothing: what they would deny is logged.',
    },
  },
});

function withDecide(data: JSONSchemaType<Options>): JSONSchemaType<Options> {
  const decide = {
    description:
      'A function that is asked before the rules: `true` allows, `false` or a reason denies, `undefined` leaves it to the rules.',
  };
  return { ...data, properties: { ...data.properties, decide } };
}

/** Who may do what in which repositories. It has an opinion on everything: put it behind others that authorize. */
export default definePlugin<Options, AccessRulesInput>({
  name: 'access-rules',
  schema,
  setup({ name, hooks, options, log }) {
    const decide: unknown = Reflect.get(options, 'decide');
    if (decide !== undefined && !isDecide(decide)) throw new Error("'decide' is to be a function");
    const judge = new Judge({
      groups: options.groups,
      rules: new RuleSet('rules', options.rules),
      shadow: options.shadow === undefined ? undefined : new RuleSet('shadow', options.shadow),
      decide,
      log,
    });
    hooks.authorize.tapPromise(name, async (request) => {
      const reason = await judge.refusal(request);
      if (reason === undefined) return true;
      throw new RegistryError('DENIED', reason, { details: request.access });
    });
  },
});

function isDecide(value: unknown): value is Decide {
  return typeof value === 'function';
}
