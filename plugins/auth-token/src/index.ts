import { resolve } from 'node:path';
import { definePlugin, isRegistryError, type Identity } from '@entrepot/plugin-sdk';
import { BearerRefusals, scopeOf, WatchedFile } from '@entrepot/plugin-sdk/access';
import { Certificates } from './certificates.ts';
import { Grants } from './grants.ts';
import { KeyRing } from './key-ring.ts';
import { schema, type Input, type Options } from './options.ts';
import { PublishedKeys } from './published-keys.ts';
import { verifySignedToken } from './signed-token.ts';
import { parseKeySet } from './trusted-key.ts';

/** The most bytes a file of keys or certificates may have. */
const MAX_BYTES = 1024 ** 2;

/** Bearer tokens of a token server: who has one may do what its `access` claim says, and nothing else. */
export default definePlugin<Options, Input>({
  name: 'auth-token',
  schema,
  setup({ name, hooks, options, log }) {
    const { realm, service, jwksUrl, jwksFile, rootCertificates } = options;
    const watched = <Content>(path: string | undefined, what: string, parse: (text: string) => Content) =>
      path === undefined
        ? undefined
        : new WatchedFile({ path: resolve(path), what, maxBytes: MAX_BYTES, parse, log });
    const file = watched(jwksFile, 'the file of keys', parseKeySet);
    const certificates = watched(
      rootCertificates,
      'the file of certificates',
      (pem) => new Certificates(pem),
    );
    const published =
      jwksUrl === undefined
        ? undefined
        : new PublishedKeys({
            url: jwksUrl,
            freshFor: options.cacheSeconds * 1000,
            staleFor: options.staleSeconds * 1000,
            log,
            now: () => performance.now(),
          });
    const ring = new KeyRing({
      ...(file === undefined ? {} : { file }),
      ...(certificates === undefined ? {} : { certificates }),
      ...(published === undefined ? {} : { published }),
    });
    const refusals = new BearerRefusals();
    const terms = { ...options, audience: options.audience ?? service };
    /** What each identity of this plugin may do. */
    const rights = new WeakMap<Identity, Grants>();

    async function identify(token: string, requestId: string): Promise<Identity> {
      const now = new Date();
      try {
        const claims = await verifySignedToken(token, terms, (hint) => ring.find(hint, now), now);
        const identity = { subject: typeof claims.sub === 'string' ? claims.sub : '', claims };
        rights.set(identity, new Grants(claims['access']));
        return identity;
      } catch (error) {
        if (isRegistryError(error)) throw error;
        const reason = error instanceof Error ? error.message : 'the token cannot be read';
        log.info({ reqId: requestId, reason }, 'a token was refused');
        throw refusals.refuse('invalid_token', reason, error);
      }
    }

    hooks.authenticate.tapPromise(name, async ({ bearer, requestId }) =>
      bearer === undefined ? undefined : identify(bearer, requestId),
    );
    hooks.authorize.tap(name, ({ identity, access }) => {
      const grants = identity === undefined ? undefined : rights.get(identity);
      if (grants === undefined) return undefined;
      if (grants.cover(access)) return true;
      throw refusals.refuse('insufficient_scope', `the token does not allow ${scopeOf(access)}`);
    });
    hooks.challenge.tap(name, (challenges, access, refusal) => [
      ...challenges,
      refusals.challenge({ realm, service }, access, refusal),
    ]);
    return {
      async start() {
        await Promise.all([file?.open(), certificates?.open(), published?.ask()]);
      },
      async stop() {
        file?.close();
        certificates?.close();
      },
    };
  },
});
