import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import accessRules from '@entrepot/access-rules';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin, RegistryError } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';
import { freePort } from '../servers/program.ts';
import { expectDenied, TokenClients } from './token-clients.ts';

/** Knows everybody whose password is "<name>-secret". */
const passwords = definePlugin<Record<string, never>>({
  name: 'auth-passwords',
  schema: { type: 'object', additionalProperties: false, required: [] },
  setup({ hooks, name }) {
    hooks.authenticate.tap(name, ({ basic }) => {
      if (basic === undefined) return undefined;
      if (basic.password !== `${basic.username}-secret`) throw new RegistryError('UNAUTHORIZED');
      return { subject: basic.username };
    });
    hooks.challenge.tap(name, (challenges) => [...challenges, 'Basic realm="registry"']);
  },
});

describe('Clients of a registry that is its own token server', () => {
  let folder: string;
  let registry: Registry;
  let clients: TokenClients;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-issuer-clients-'));
    const port = await freePort();
    // Tokens name the address before the registry listens.
    const host = `127.0.0.1:${port}`;
    registry = await createRegistry({
      http: { port },
      log: { level: 'silent' },
      plugins: [
        storageFilesystem({ root: join(folder, 'storage') }),
        passwords(),
        accessRules({
          rules: [
            { who: ['user:alice'], allow: ['pull', 'push'] },
            { who: ['user:bob'], repositories: ['team/**'], allow: ['pull'] },
            { who: ['everyone'], repositories: ['public/**'], allow: ['pull'] },
          ],
        }),
        tokenIssuer({ url: `http://${host}` }),
      ],
    });
    await registry.start();
    clients = await TokenClients.open({ folder, host, passwordOf: (user) => `${user}-secret` });
  });
  after(async () => {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('log in, push and pull what their user may, with skopeo', () => clients.sharesAnImage());

  it('are denied what they may not', async () => {
    await expectDenied(clients.push('bob', 'team/app'));
    const bob = await clients.as('bob');
    await expectDenied(bob('inspect', clients.at('other/app')));
  });

  it('pull what is public without a login', () => clients.showsStrangersWhatIsPublic());

  it('are refused with a wrong password', () => clients.refusesAWrongPassword());

  it('log in, pull and push with podman', () => clients.servesPodman());
});
