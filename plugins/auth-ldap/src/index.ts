import { resolve } from 'node:path';
import { definePlugin, OptionsError } from '@entrepot/plugin-sdk';
import { Logins, WatchedFile, withBasicChallenge } from '@entrepot/plugin-sdk/access';
import { Connection, requireFilter } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import { Directory } from './directory.ts';
import { filledIn, filterValue } from './escaping.ts';
import { schema, type Input, type Options } from './options.ts';

const MAX_CA_BYTES = 1024 ** 2;
const MAX_WAITING = 64;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Users, passwords and groups of an LDAP directory. It has the last word on names and passwords: put it behind others. */
export default definePlugin<Options, Input>({
  name: 'auth-ldap',
  schema,
  setup({ name, hooks, options, log }) {
    requireSense(options);
    const url = new URL(options.url);
    const ca =
      options.caFile === undefined
        ? undefined
        : new WatchedFile({
            path: resolve(options.caFile),
            what: 'the file of certificates',
            maxBytes: MAX_CA_BYTES,
            parse: certificates,
            log,
          });
    const timeout = options.timeoutSeconds * 1000;
    const pool = new ConnectionPool({
      size: options.connections,
      maxWaiting: MAX_WAITING,
      open: () => Connection.open({ url, startTls: options.startTls, ca: ca?.content, timeout }),
      now: () => performance.now(),
    });
    const directory = new Directory({ use: (work) => pool.use(work), layout: options, log });
    const logins = new Logins({ check: directory, limits: options, log });
    hooks.authenticate.tapPromise(name, async ({ basic, address, requestId }) =>
      basic === undefined ? undefined : logins.identify({ basic, address, requestId }),
    );
    hooks.challenge.tap(name, (challenges) => withBasicChallenge(challenges, options.realm));
    return {
      async start() {
        if (url.protocol === 'ldap:' && !options.startTls && !LOOPBACK.test(url.hostname))
          log.warn(
            { url: options.url },
            'passwords go to the directory in the clear; use ldaps:// or startTls',
          );
        await ca?.open();
        try {
          await directory.probe();
        } catch (error) {
          log.error(
            { err: error, url: options.url },
            'the directory cannot be asked; logins get 503 until it can',
          );
        }
      },
      async stop() {
        ca?.close();
        await pool.close();
      },
    };
  },
});

/** @throws OptionsError with what does not go together. */
function requireSense({ url, startTls, memberOf, groupBase, userFilter, groupFilter }: Options): void {
  if (startTls && url.startsWith('ldaps:'))
    throw new OptionsError(['ldaps:// is TLS from the beginning: leave out startTls, or write ldap://']);
  if (memberOf && groupBase === undefined)
    throw new OptionsError(['memberOf needs groupBase: groups elsewhere may have the same names']);
  for (const filter of [userFilter, groupFilter])
    requireFilter(filledIn(filter, { user: 'x', dn: 'x' }, filterValue));
}

function certificates(pem: string): string {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it has no PEM certificate');
  return pem;
}
