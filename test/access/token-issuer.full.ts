import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin, RegistryError } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';
import { client, ClientFailure, type Client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests, writeImageLayout, type ImageLayout } from '../clients/image-layout.ts';

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
  let host: string;
  let layout: ImageLayout;
  let environment: Record<string, string>;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-issuer-clients-'));
    const port = await freePort();
    host = `127.0.0.1:${port}`;
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
    environment = await createContainerStorage(folder, host);
    layout = await writeImageLayout(join(folder, 'layout'), 'issuer');
  });
  after(async () => {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A client that is logged in as this user; without one it is nobody. */
  async function as(user?: string, name: 'skopeo' | 'podman' = 'skopeo'): Promise<Client> {
    const authFile = join(folder, `${user ?? 'nobody'}.json`);
    const run = client(name, folder, { ...environment, REGISTRY_AUTH_FILE: authFile });
    if (user !== undefined) {
      await run('login', '--tls-verify=false', '-u', user, '-p', `${user}-secret`, host);
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

  it('log in, push and pull what their user may, with skopeo', async () => {
    await (
      await as('alice')
    )('copy', source(), at('team/app'));
    const pulled = join(folder, 'pulled');
    await (
      await as('bob')
    )('copy', at('team/app'), `oci:${pulled}:image`);
    expect(await reachableDigests(pulled, layout.image)).to.deep.equal(
      await reachableDigests(layout.folder, layout.image),
    );
  });

  it('are denied what they may not', async () => {
    const bob = await as('bob');
    expect(await failure(bob('copy', source(), at('team/app')))).to.match(/unauthorized|denied/i);
    expect(await failure(bob('inspect', at('other/app')))).to.match(/unauthorized|denied/i);
  });

  it('pull what is public without a login', async () => {
    await (
      await as('alice')
    )('copy', source(), at('public/app'));
    const nobody = await as();
    await nobody('inspect', at('public/app'));
    expect(await failure(nobody('inspect', at('team/app')))).to.match(/unauthorized|denied/i);
  });

  it('are refused with a wrong password', async () => {
    const skopeo = client('skopeo', folder, { ...environment, REGISTRY_AUTH_FILE: join(folder, 'x.json') });
    const login = skopeo('login', '--tls-verify=false', '-u', 'alice', '-p', 'wrong', host);
    expect(await failure(login)).to.match(/invalid username\/password|unauthorized/i);
  });

  it('log in, pull and push with podman', async () => {
    const podman = await as('alice', 'podman');
    const image = `${host}/team/app:v1`;
    await podman('pull', '--tls-verify=false', image);
    await podman('push', '--tls-verify=false', image, `${host}/team/app:podman`);
    const bob = await as('bob', 'podman');
    const push = bob('push', '--tls-verify=false', image, `${host}/team/app:bob`);
    expect(await failure(push)).to.match(/unauthorized|denied/i);
  });
});

/** A port that was free a moment ago: tokens name the address before the registry listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
