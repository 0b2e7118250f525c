import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import authKeys from '@entrepot/auth-keys';
import { createRegistry, type Registry } from '@entrepot/core';
import { RegistryError } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';
import { client } from '../clients/client.ts';
import { plugin } from '../oci/served-registry.ts';
import { freePort } from '../servers/program.ts';
import { expectDenied, refusalOf, TokenClients } from './token-clients.ts';

/** Knows everybody whose password is "<name>-secret". */
const passwords = plugin('auth-passwords', (hooks, name) => {
  hooks.authenticate.tap(name, ({ basic }) => {
    if (basic === undefined) return undefined;
    if (basic.password !== `${basic.username}-secret`) throw new RegistryError('UNAUTHORIZED');
    return { subject: basic.username };
  });
});
const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

/** Milliseconds by which the clock is ahead for the request that is being answered. */
const ahead = new AsyncLocalStorage<number>();
/** Longer than a token is good. */
const TWENTY_MINUTES = 1_200_000;

/**
 * Has every request that goes on with an upload come twenty minutes later than it does, as if its bytes had taken so
 * long; and those with `X-Late`.
 */
class SlowUploads {
  count = 0;

  readonly plugin = plugin('slow-uploads', (hooks, name) => {
    hooks.middleware.tap(name, (router) => {
      router.use(({ url = '', headers }, _response, next) => {
        const isUpload = /\/blobs\/uploads\/[^/?]/.test(url);
        if (isUpload) this.count += 1;
        if (isUpload || headers['x-late'] !== undefined) ahead.run(TWENTY_MINUTES, next);
        else next();
      });
    });
  });
}

describe('Clients of a registry with keys', () => {
  let folder: string;
  let host: string;
  let registry: Registry;
  let clients: TokenClients;
  const slow = new SlowUploads();
  const secrets = new Map<string, { readonly id: string; readonly key: string }>();
  const now = Date.now;
  before(async () => {
    Date.now = () => now() + (ahead.getStore() ?? 0);
    folder = await mkdtemp(join(tmpdir(), 'entrepot-keys-clients-'));
    const port = await freePort();
    host = `127.0.0.1:${port}`;
    registry = await createRegistry({
      http: { port },
      log: { level: 'silent' },
      plugins: [
        slow.plugin,
        storageFilesystem({ root: join(folder, 'storage') }),
        authKeys(),
        passwords,
        accessRules({
          rules: [
            { who: ['user:alice'], allow: ['*'] },
            { who: ['user:bob'], repositories: ['team/**'], allow: ['pull'] },
          ],
        }),
        tokenIssuer({ url: `http://${host}` }),
      ],
    });
    await registry.start();
    for (const name of ['alice', 'bob']) secrets.set(name, await makeKey(name));
    const passwordOf = (user: string): string => secrets.get(user)?.key ?? '';
    clients = await TokenClients.open({ folder, host, passwordOf });
  });
  after(async () => {
    await registry.stop();
    Date.now = now;
    await rm(folder, { recursive: true, force: true });
  });

  /** The members of the JSON object that is answered. */
  async function ask(path: string, question: RequestInit): Promise<Readonly<Record<string, unknown>>> {
    const answer: unknown = await (await fetch(`http://${host}${path}`, question)).json();
    return typeof answer === 'object' ? { ...answer } : {};
  }

  async function makeKey(owner: string): Promise<{ readonly id: string; readonly key: string }> {
    const scopes = [{ repositories: ['team/**'], actions: ['push'] }];
    const { id, key } = await ask('/api/v1/keys', {
      method: 'POST',
      headers: { ...basic(owner, `${owner}-secret`), 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'client', scopes }),
    });
    return { id: String(id), key: String(key) };
  }

  it('log in with a key, and push and pull with skopeo though the layers take longer than the tokens are good', async () => {
    await clients.sharesAnImage();
    // A POST, a PATCH and a PUT for config and layer: the last two come late.
    expect(slow.count).to.be.at.least(4);
    const { token } = await ask('/token', { headers: basic('alice', 'alice-secret') });
    const headers = { authorization: `Bearer ${String(token)}` };
    expect((await fetch(`http://${host}/v2/`, { headers })).status).to.equal(200);
    expect((await fetch(`http://${host}/v2/`, { headers: { ...headers, 'x-late': '' } })).status).to.equal(
      401,
    );
  });

  it('log in with a key, push and pull with podman', () => clients.servesPodman());

  it('are denied what the key does not allow, though its owner may', async () => {
    await expectDenied(clients.push('alice', 'other/app'));
  });

  it('stay logged in with a refresh token, as docker keeps it', async () => {
    const query = 'service=registry&offline_token=true&client_id=docker';
    const login = basic('bob', secrets.get('bob')?.key ?? '');
    const { refresh_token: identitytoken } = await ask(`/token?${query}`, { headers: login });
    const auth = Buffer.from('bob:').toString('base64');
    const file = join(folder, 'docker.json');
    await writeFile(file, JSON.stringify({ auths: { [host]: { auth, identitytoken } } }));
    const skopeo = client('skopeo', folder, { REGISTRY_AUTH_FILE: file });
    const inspect = (): Promise<string> => skopeo('inspect', '--tls-verify=false', clients.at('team/app'));
    await inspect();
    const { id = '' } = secrets.get('bob') ?? {};
    const revoked = await fetch(`http://${host}/api/v1/keys/${id}`, {
      method: 'DELETE',
      headers: basic('bob', 'bob-secret'),
    });
    expect(revoked.status).to.equal(204);
    expect(await refusalOf(inspect())).to.match(/unauthorized|refresh token|revoked/i);
  });

  it('are refused with a key that was revoked', async () => {
    expect(await refusalOf(clients.as('bob'))).to.match(/invalid username\/password|unauthorized/i);
  });
});
