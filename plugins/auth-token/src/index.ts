import { resolve } from 'node:path';
import { definePlugin, type Identity } from '@entrepot/plugin-sdk';
import { BearerRefusals, scopeOf, WatchedFile } from '@entrepot/plugin-sdk/access';
import {
  issuerOf,
  KeyRing,
  parseKeySet,
  PublishedKeys,
  readPublished,
  TokenCheck,
} from '@entrepot/plugin-sdk/tokens';
import { Certificates } from './certificates.ts';
import { Grants } from './grants.ts';
import { schema, type Input, type Options } from './options.ts';

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
            read: () => readPublished(jwksUrl),
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
    /** What each identity of this plugin may do. */
    const rights = new WeakMap<Identity, Grants>();
    const check = new TokenCheck({
      terms: { ...options, audience: options.audience ?? service },
      findKey: (hint, now) => ring.find(hint, now),
      identityOf: (claims) => {
        const identity = { subject: typeof claims.sub === 'string' ? claims.sub : '', claims };
        rights.set(identity, new Grants(claims['access']));
        return identity;
      },
      log,
    });

    hooks.authenticate.tapPromise(name, async ({ bearer, requestId }) => {
      const issuer = bearer === undefined ? undefined : issuerOf(bearer);
      if (bearer === undefined || issuer === undefined) return undefined;
      if (options.issuers.includes(issuer)) return check.identify(bearer, requestId);
      log.debug({ reqId: requestId, issuer: issuer.slice(0, 255) }, 'a token is of none of the issuers');
      return undefined;
    });
    hooks.authorize.tap(name, ({ identity, access, limitCatalog }) => {
      const grants = identity === undefined ? undefined : rights.get(identity);
      if (grants === undefined) return undefined;
      if (options.catalog === 'granted')
        limitCatalog?.((repository) =>
          grants.cover([{ type: 'repository', name: repository, action: 'pull' }]),
        );
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
