import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { Policy, type ImmutableOptions, type PolicyOptions, type ProtectedOptions } from './policy.ts';

export type { ImmutableOptions, ProtectedOptions } from './policy.ts';

/** What is written into the configuration. */
export type ManifestPolicyInput = Partial<PolicyOptions>;

const patterns = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 } as const;
const aboutRepositories =
  'Names of repositories: `*` is any characters within a path component, `**` one or more components.';
const reason = { type: 'string', minLength: 1, nullable: true } as const;

const immutable: JSONSchemaType<ImmutableOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['tags'],
  properties: {
    repositories: { ...patterns, nullable: true, description: `${aboutRepositories} All when left out.` },
    tags: { ...patterns, description: 'Tags that cannot be moved once they are set; `*` is any characters.' },
    except: { ...patterns, nullable: true, description: 'Tags among those that can.' },
    mayBeDeleted: {
      type: 'boolean',
      nullable: true,
      description: 'Whether clients may delete them. They may not when left out: who deletes can push again.',
    },
    reason: { ...reason, description: 'Told to who is refused.' },
  },
};

const protectedRepositories: JSONSchemaType<ProtectedOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['repositories'],
  properties: {
    repositories: { ...patterns, description: aboutRepositories },
    reason: { ...reason, description: 'Told to who is refused.' },
  },
};

const schema: JSONSchemaType<PolicyOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['immutable', 'protected'],
  properties: {
    immutable: {
      type: 'array',
      items: immutable,
      maxItems: 1000,
      default: [],
      description: 'Tags that keep pointing at what they were first set to.',
    },
    protected: {
      type: 'array',
      items: protectedRepositories,
      maxItems: 1000,
      default: [],
      description: 'Repositories in which clients neither move tags nor delete anything.',
    },
  },
};

/** Tags that are never overwritten, and repositories in which nothing is overwritten or deleted. */
export default definePlugin<PolicyOptions, ManifestPolicyInput>({
  name: 'manifest-policy',
  schema,
  setup({ name, hooks, options }) {
    const policy = new Policy(options);
    hooks.change.tap(name, (change) => policy.check(change));
  },
});
