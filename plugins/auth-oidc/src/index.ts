import { definePlugin, type AuthRequest } from '@entrepot/plugin-sdk';
import { withBasicChallenge } from '@entrepot/plugin-sdk/access';
import { issuerOf } from '@entrepot/plugin-sdk/tokens';
import { Issuer } from './issuer.ts';
import { schema, type Input, type Options } from './options.ts';

/**
 * CI jobs and workloads, by the tokens that their issuers give them: as the password of any name, or as a Bearer token.
 * Put it before plugins that take every name and password for their own.
 */
export default definePlugin<Options, Input>({
  name: 'auth-oidc',
  schema,
  setup({ name, hooks, options, log }) {
    const { username, realm } = options;
    const issuers = new Map<string, Issuer>();
    for (const [place, each] of options.issuers.entries()) {
      if (issuers.has(each.issuer) || [...issuers.values()].some((other) => other.name === each.name))
        throw new Error(`issuers[${place}]: another one has the same name or issuer`);
      issuers.set(each.issuer, new Issuer(each, options, log));
    }

    function tokenOf({ basic, bearer }: AuthRequest): string | undefined {
      if (bearer !== undefined) return bearer;
      return username === undefined || basic?.username === username ? basic?.password : undefined;
    }

    hooks.authenticate.tapPromise(name, async (request) => {
      const token = tokenOf(request);
      if (token === undefined) return undefined;
      const iss = issuerOf(token);
      const issuer = iss === undefined ? undefined : issuers.get(iss);
      if (issuer === undefined) {
        // As any other password it is for the plugins behind this one to say what it is.
        if (iss !== undefined)
          log.debug(
            { reqId: request.requestId, issuer: iss.slice(0, 255) },
            'a token is of none of the issuers',
          );
        return undefined;
      }
      return issuer.identify(token, request.requestId);
    });
    hooks.challenge.tap(name, (challenges) => withBasicChallenge(challenges, realm));
    return {
      async start() {
        await Promise.all([...issuers.values()].map((issuer) => issuer.open()));
      },
      async stop() {
        for (const issuer of issuers.values()) issuer.close();
      },
    };
  },
});
