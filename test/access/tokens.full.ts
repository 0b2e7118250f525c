import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import authToken from '@entrepot/auth-token';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expectDenied, TokenClients } from './token-clients.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

const users = {
  '': { password: '', rights: { 'public/app': ['pull'] } },
  alice: { password: 'wonderland', rights: { 'team/app': ['pull', 'push'], 'public/app': ['pull', 'push'] } },
  bob: { password: 'builder', rights: { 'team/app': ['pull'] } },
};

describe('A registry with a token server', () => {
  let folder: string;
  let tokens: TokenServer;
  let registry: Registry;
  let clients: TokenClients;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-token-clients-'));
    tokens = await startTokenServer(users);
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [
        storageFilesystem({ root: join(folder, 'storage') }),
        authToken({
          realm: `${tokens.url}/token`,
          service: tokens.service,
          issuers: ['token-server'],
          jwksUrl: `${tokens.url}/jwks`,
        }),
      ],
    });
    const { port } = await registry.start();
    const passwordOf = (user: string): string => (user === 'bob' ? users.bob : users.alice).password;
    clients = await TokenClients.open({ folder, host: `127.0.0.1:${port}`, passwordOf });
  });
  after(async () => {
    await registry.stop();
    await tokens.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('lets skopeo log in, push and pull what its user may', async () => {
    await clients.sharesAnImage();
    expect(tokens.asked).to.include('repository:team/app:pull,push');
    expect(tokens.asked).to.include('repository:team/app:pull');
  });

  it('denies what they may not', async () => {
    for (const repository of ['team/app', 'other/app']) await expectDenied(clients.push('bob', repository));
    const bob = await clients.as('bob');
    await expectDenied(bob('inspect', clients.at('public/app')));
  });

  it('lets nobody in particular pull what is public, and nothing else', () =>
    clients.showsStrangersWhatIsPublic());

  it('refuses a login with a wrong password', () => clients.refusesAWrongPassword());

  it('lets podman log in, pull and push', () => clients.servesPodman());
});
