import { definePlugin, type JSONSchemaType, type StorageDriver } from '@entrepot/plugin-sdk';
import { BearerRefusals, scopeOf } from '@entrepot/plugin-sdk/access';
import { issuerOf } from '@entrepot/plugin-sdk/tokens';
import { RefreshTokens } from './refresh-tokens.ts';
import { cover } from './scope.ts';
import { SigningKeys } from './signing-keys.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import { Tokens } from './tokens.ts';

interface Options {
  readonly url: string;
  readonly service: string;
  readonly lifetimeSeconds: number;
  readonly refreshDays: number;
  readonly rotateDays: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['url', 'service', 'lifetimeSeconds', 'refreshDays', 'rotateDays'],
  properties: {
    url: {
      type: 'string',
      pattern: '^https?://[^\\s"\\\\/?#]+$',
      description: 'Where clients reach the registry, without a path: `https://registry.example.com`.',
    },
    service: {
      type: 'string',
      pattern: '^[A-Za-z0-9._:-]+$',
      default: 'registry',
      description: 'What tokens are for. Registries with the same storage have the same name.',
    },
    lifetimeSeconds: {
      type: 'integer',
      minimum: 60,
      maximum: 86_400,
      default: 900,
      description: 'Seconds for which a token is good.',
    },
    refreshDays: {
      type: 'integer',
      minimum: 1,
      maximum: 365,
      default: 90,
      description: 'Days for which a refresh token is good: how long a client stays logged in.',
    },
    rotateDays: {
      type: 'integer',
      minimum: 1,
      maximum: 3650,
      default: 30,
      description: 'Days after which tokens are signed with another key.',
    },
  },
};

const DAY = 86_400_000;
/** A token may end an upload it has begun; keys are kept so that it is known. */
const LONGEST_PUSH = 7 * DAY;

/** The registry is its own token server, for whoever the other plugins know. Put it behind them. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'url'>>({
  name: 'token-issuer',
  schema,
  setup({ name, hooks, options, log, decisions }) {
    const { url, service, lifetimeSeconds, refreshDays, rotateDays } = options;
    const keys = new SigningKeys({
      log,
      rotateAfter: rotateDays * DAY,
      lifetime: lifetimeSeconds * 1000,
      keptFor: Math.max(refreshDays * DAY, LONGEST_PUSH),
      now: () => Date.now(),
    });
    const tokens = new Tokens({ issuer: url, audience: service, lifetimeSeconds }, keys);
    const refreshTokens = new RefreshTokens({ issuer: url, service, lifetime: refreshDays * DAY }, keys);
    const endpoint = new TokenEndpoint({ decisions, tokens, refreshTokens, service, lifetimeSeconds, log });
    const refusals = new BearerRefusals();
    let storage: StorageDriver | undefined;

    hooks.wrapStorage.tap(name, (driver) => {
      storage = driver;
      return driver;
    });
    hooks.middleware.tap(name, (router) => {
      router.get('/token', (request, response, next) => void endpoint.answer(request, response).catch(next));
      router.post('/token', (request, response, next) => void endpoint.answer(request, response).catch(next));
      router.get('/token/keys', (_request, response, next) => {
        tokens.keySet().then((set) => {
          response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify(set));
        }, next);
      });
    });
    // The token says what it was asked for; what its owner may do by now is for `authorize` to say, on each request.
    hooks.authenticate.tapPromise(name, async ({ bearer, access }) => {
      if (bearer === undefined || issuerOf(bearer) !== url) return undefined;
      const content = await tokens.read(bearer, Date.now());
      if (content === undefined) throw refusals.refuse('invalid_token', 'the token is not good here');
      const { identity, grants, hasExpired } = content;
      if (!cover(grants, access))
        throw refusals.refuse('insufficient_scope', `the token does not allow ${scopeOf(access)}`);
      if (hasExpired) throw refusals.refuseExpired(identity, 'the token has expired');
      return identity;
    });
    // Clients read one challenge of an answer; those of passwords give way, as passwords still work.
    hooks.challenge.tap(name, (_challenges, access, refusal) => [
      refusals.challenge({ realm: `${url}/token`, service }, access, refusal),
    ]);
    return {
      async start() {
        // Only a registry that serves gives a storage; a plugin that is tried out on its own has none to open.
        if (storage !== undefined) await keys.open(storage);
      },
      async stop() {
        keys.close();
      },
    };
  },
});
