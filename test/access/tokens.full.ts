import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import authToken from '@entrepot/auth-token';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { client, ClientFailure, type Client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests, writeImageLayout, type ImageLayout } from '../clients/image-layout.ts';
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
  let host: string;
  let layout: ImageLayout;
  let environment: Awaited<ReturnType<typeof createContainerStorage>>;
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
    host = `127.0.0.1:${port}`;
    environment = await createContainerStorage(folder, host);
    layout = await writeImageLayout(join(folder, 'layout'), 'tokens');
  });
  after(async () => {
    await registry.stop();
    await tokens.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A client that is logged in as this user; `undefined` is nobody. */
  async function as(
    user: 'alice' | 'bob' | undefined,
    name: 'skopeo' | 'podman' = 'skopeo',
  ): Promise<Client> {
    const authFile = join(folder, `${user ?? 'nobody'}.json`);
    const run = client(name, folder, { ...environment, REGISTRY_AUTH_FILE: authFile });
    if (user !== undefined) {
      await run('login', '--tls-verify=false', '-u', user, '-p', users[user].password, host);
    }
    return run;
  }
  async function failure(work: Promise<unknown>): Promise<string> {
    try {
      await work;
    } catch (error) {
      if (error instanceof ClientFailure) return error.message;
      throw error;
    }
    throw new Error('the client succeeded');
  }
  const source = (): string => `oci:${layout.folder}:image`;
  const at = (repository: string): string => `docker://${host}/${repository}:v1`;

  it('lets skopeo log in, push and pull what its user may', async () => {
    const skopeo = await as('alice');
    await skopeo('copy', source(), at('team/app'));
    const pulled = join(folder, 'pulled');
    await (
      await as('bob')
    )('copy', at('team/app'), `oci:${pulled}:image`);
    expect(await reachableDigests(pulled, layout.image)).to.deep.equal(
      await reachableDigests(layout.folder, layout.image),
    );
    expect(tokens.asked).to.include('repository:team/app:pull,push');
    expect(tokens.asked).to.include('repository:team/app:pull');
  });

  it('denies what they may not', async () => {
    const bob = await as('bob');
    expect(await failure(bob('copy', source(), at('team/app')))).to.match(/unauthorized|denied/i);
    expect(await failure(bob('copy', source(), at('other/app')))).to.match(/unauthorized|denied/i);
    expect(await failure(bob('inspect', at('public/app')))).to.match(/unauthorized|denied/i);
  });

  it('lets nobody in particular pull what is public, and nothing else', async () => {
    await (
      await as('alice')
    )('copy', source(), at('public/app'));
    const nobody = await as(undefined);
    await nobody('inspect', at('public/app'));
    expect(await failure(nobody('inspect', at('team/app')))).to.match(/unauthorized|denied/i);
  });

  it('refuses a login with a wrong password', async () => {
    const skopeo = client('skopeo', folder, { ...environment, REGISTRY_AUTH_FILE: join(folder, 'x.json') });
    const login = skopeo('login', '--tls-verify=false', '-u', 'alice', '-p', 'wrong', host);
    expect(await failure(login)).to.match(/invalid username\/password|unauthorized/i);
  });

  it('lets podman log in, pull and push', async () => {
    const podman = await as('alice', 'podman');
    const image = `${host}/team/app:v1`;
    await podman('pull', '--tls-verify=false', image);
    await podman('push', '--tls-verify=false', image, `${host}/team/app:podman`);
    const bob = await as('bob', 'podman');
    const push = bob('push', '--tls-verify=false', image, `${host}/team/app:bob`);
    expect(await failure(push)).to.match(/unauthorized|denied/i);
  });
});
