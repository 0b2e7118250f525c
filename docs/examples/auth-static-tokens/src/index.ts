import { hash } from 'node:crypto';
import {
  definePlugin,
  RegistryError,
  type Access,
  type Identity,
  type JSONSchemaType,
} from '@entrepot/plugin-sdk';

interface Token {
  readonly subject: string;
  readonly token: string;
  readonly repositories: readonly string[];
  readonly actions: readonly ('pull' | 'push' | 'delete')[];
}
interface Options {
  readonly realm: string;
  readonly tokens: readonly Token[];
}

const text = { type: 'string', minLength: 1 } as const;
const actions = { type: 'array', items: { type: 'string', enum: ['pull', 'push', 'delete'] } } as const;
const tokenSchema: JSONSchemaType<Token> = {
  type: 'object',
  additionalProperties: false,
  required: ['subject', 'token', 'repositories', 'actions'],
  properties: {
    subject: { ...text, description: 'Whose token it is; the log names it.' },
    token: { ...text, minLength: 16, description: 'The secret: a Bearer token, or the password of Basic.' },
    repositories: { type: 'array', items: text, description: 'Names; one that ends in `*` is a beginning.' },
    actions: { ...actions, description: 'What may be done in them.' },
  },
};
const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['realm', 'tokens'],
  properties: {
    realm: { ...text, pattern: '^[^"\\\\]*$', description: 'Shown to clients that come without a token.' },
    tokens: { type: 'array', items: tokenSchema, description: 'Who is let in.' },
  },
};

/** Lets in whoever has one of a few tokens, and each of them only where it may. */
export default definePlugin<Options>({
  name: 'auth-static-tokens',
  schema,
  setup({ name, hooks, options: { realm, tokens } }) {
    // Looked up by their hashes: how long that takes tells nothing about the tokens.
    const identities = new Map<string, Identity>();
    const rights = new Map<Identity | undefined, Token>();
    for (const token of tokens) {
      const identity = { subject: token.subject };
      identities.set(hash('sha256', token.token), identity);
      rights.set(identity, token);
    }

    hooks.authenticate.tap(name, ({ bearer, basic }) => {
      const secret = bearer ?? basic?.password;
      if (secret === undefined) return undefined; // Nothing of ours: another plugin may know who it is.
      const identity = identities.get(hash('sha256', secret));
      if (identity === undefined) throw new RegistryError('UNAUTHORIZED', 'unknown token');
      return identity;
    });
    hooks.authorize.tap(name, ({ identity, access }) => {
      const token = rights.get(identity);
      return token === undefined ? undefined : access.every((wanted) => allows(token, wanted));
    });
    hooks.challenge.tap(name, (challenges) => [...challenges, `Basic realm="${realm}"`]);
  },
});

function allows({ repositories, actions }: Token, { type, name, action }: Access): boolean {
  if (type === 'registry') return repositories.includes('*'); // The catalog names every repository.
  return action !== '*' && actions.includes(action) && repositories.some((pattern) => matches(pattern, name));
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
