import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import authKeys from '@entrepot/auth-keys';
import { keys as keysCommand } from '@entrepot/auth-keys/command';
import { createRegistry, type Registry } from '@entrepot/core';
import { RegistryError, type StorageDriver } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError, namesOf } from '../oci/answers.ts';
import { bareManifest, digestOf } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';

/** Knows everybody whose password is "<name>'s secret"; bob is in the group dev. Takes all names and passwords for its own. */
const passwords = plugin('auth-passwords', (hooks, name) => {
  hooks.authenticate.tap(name, ({ basic }) => {
    if (basic === undefined) return undefined;
    if (basic.password !== `${basic.username}'s secret`)
      throw new RegistryError('UNAUTHORIZED', 'wrong password');
    return { subject: basic.username, ...(basic.username === 'bob' ? { groups: ['dev'] } : {}) };
  });
});
const rules = accessRules({
  rules: [
    { who: ['user:alice'], allow: ['*'] },
    { who: ['group:dev'], repositories: ['team/**'], allow: ['pull', 'push'] },
    { who: ['known'], allow: ['catalog'] },
  ],
});
const as = (name: string, password = `${name}'s secret`): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const everything = [{ repositories: ['**'], actions: ['*'] }];

interface Made {
  readonly id: string;
  readonly key: string;
  readonly owner: string;
}

function made(answer: Answer): Made {
  expectStatus(answer, 201);
  const body: unknown = JSON.parse(answer.body.toString());
  if (typeof body !== 'object' || body === null || !('id' in body && 'key' in body && 'owner' in body))
    throw new Error('no key came');
  return { id: String(body.id), key: String(body.key), owner: String(body.owner) };
}

onEachStorage('A registry with keys', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve({}, authKeys({ administrators: ['user:alice'], maxDays: 100 }), passwords, rules);
    for (const name of ['team/app', 'team/base', 'other/app'])
      expectStatus(await push(name, as('alice')), 201);
  });

  function push(repository: string, headers: Record<string, string>): Promise<Answer> {
    const manifest = bareManifest(repository);
    return registry.put(`/v2/${repository}/manifests/v1`, {
      headers: { ...headers, 'content-type': manifest.mediaType },
      body: manifest.bytes,
    });
  }
  const pull = (repository: string, headers: Record<string, string>): Promise<Answer> =>
    registry.get(`/v2/${repository}/manifests/v1`, headers);
  function post(headers: Record<string, string>, body: object | string): Promise<Answer> {
    return registry.post('/api/v1/keys', {
      headers: { ...headers, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }
  const make = async (name: string, more: object = {}): Promise<Made> =>
    made(await post(as(name), { name: 'laptop', scopes: everything, ...more }));
  const command = async (...args: readonly string[]): Promise<string> => {
    let [stdout, stderr] = ['', ''];
    const { driver }: { readonly driver: StorageDriver } = registry;
    const code = await keysCommand(args, {
      open: async () => ({ driver, close: async () => undefined }),
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
    });
    if (code !== 0) throw new Error(stderr);
    return stdout.trimEnd();
  };

  it('gives who has a password a key that does as well, with the name it is of alone', async () => {
    const { key, owner } = await make('bob');
    expect(owner).to.equal('bob');
    expectStatus(await registry.get('/v2/', as('bob', key)), 200);
    for (const name of ['alice', 'Bob', '', 'bob ']) {
      const answer = await registry.get('/v2/', as(name, key));
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).to.match(/^Basic /);
    }
  });

  it('lets a key do no more than its owner, and no more than its scopes', async () => {
    const wide = as('bob', (await make('bob')).key);
    expectStatus(await push('team/app', wide), 201);
    expectError(await pull('other/app', wide), 403, 'DENIED');
    const narrow = as(
      'alice',
      (await make('alice', { scopes: [{ repositories: ['team/*'], actions: ['pull'] }] })).key,
    );
    expectStatus(await pull('team/app', narrow), 200);
    const refused = await push('team/app', narrow);
    expectError(refused, 403, 'DENIED');
    expect(refused.body.toString()).to.include('do not allow repository:team/app:push');
    expectError(await pull('other/app', narrow), 403, 'DENIED');
    expectError(await registry.get('/v2/_catalog', narrow), 403, 'DENIED');
  });

  it('shows a key in the catalog what it may pull', async () => {
    const scopes = [
      { repositories: ['team/app', 'other/*'], actions: ['pull'] },
      { repositories: ['team/base'], actions: ['catalog'] },
    ];
    const headers = as('bob', (await make('bob', { scopes })).key);
    expect(namesOf(await registry.get('/v2/_catalog', headers), 'repositories')).to.deep.equal(['team/app']);
  });

  it('mounts with a key what the key may pull, and no more', async () => {
    const scopes = [{ repositories: ['home/alice'], actions: ['push'] }];
    const headers = as('alice', (await make('alice', { scopes })).key);
    const layer = Buffer.from('a layer for keys');
    const digest = digestOf(layer);
    const blob = { headers: as('alice'), body: layer };
    expectStatus(await registry.post(`/v2/other/app/blobs/uploads/?digest=${digest}`, blob), 201);
    const mount = `/v2/home/alice/blobs/uploads/?mount=${digest}&from=other/app`;
    expectStatus(await registry.post(mount, { headers }), 202);
    expectStatus(await registry.post(mount, { headers: as('alice') }), 201);
  });

  it('lets robots do what their keys say, and asks no rule about them', async () => {
    const scopes = [{ repositories: ['other/**'], actions: ['push'] }];
    const { key, owner } = await make('alice', { robot: 'ci', scopes });
    expect(owner).to.equal('robot-ci');
    expectStatus(await push('other/app', as(owner, key)), 201);
    expectError(await pull('team/app', as(owner, key)), 403, 'DENIED');
    expectError(await registry.delete('/v2/other/app/manifests/v1', as(owner, key)), 403, 'DENIED');
    const other = await command('create', 'reader', '--robot', '--repository', 'team/**');
    expectStatus(await pull('team/app', as('robot-reader', other)), 200);
    expectError(await push('team/app', as('robot-reader', other)), 403, 'DENIED');
  });

  it('refuses a revoked key from the next request on, for its owner and for others', async () => {
    const { id, key } = await make('bob');
    expectStatus(await pull('team/app', as('bob', key)), 200);
    expectStatus(await registry.delete(`/api/v1/keys/${id}`, as('bob')), 204);
    expectError(await pull('team/app', as('bob', key)), 401, 'UNAUTHORIZED');
    expectStatus(await registry.delete(`/api/v1/keys/${id}`, as('bob')), 404);
    const other = await make('bob');
    expectStatus(await registry.delete(`/api/v1/keys/${other.id}?owner=bob`, as('alice')), 204);
    expectError(await pull('team/app', as('bob', other.key)), 401, 'UNAUTHORIZED');
    const third = await make('bob');
    await command('revoke', third.id);
    expectError(await pull('team/app', as('bob', third.key)), 401, 'UNAUTHORIZED');
  });

  it('lists keys without what is secret, to their owner and to administrators', async () => {
    const { id, key } = await make('bob', { name: 'listed' });
    const list = async (headers: Record<string, string>, query = ''): Promise<string> =>
      expectStatus(await registry.get(`/api/v1/keys${query}`, headers), 200).body.toString();
    for (const text of [await list(as('bob')), await list(as('alice'), '?owner=bob')]) {
      expect(text).to.include(id).and.include('"listed"');
      for (const secret of [key, 'hash', 'groups']) expect(text).to.not.include(secret);
    }
    expect(await list(as('alice'))).to.not.include(id);
  });

  it('lets nobody manage the keys of others, and no key make keys; a key may end itself', async () => {
    const { id, key } = await make('bob');
    const { id: other } = await make('alice');
    expectStatus(await registry.get('/api/v1/keys?owner=alice', as('bob')), 403);
    expectStatus(await registry.delete(`/api/v1/keys/${other}?owner=alice`, as('bob')), 403);
    expectStatus(await post(as('bob'), { name: 'x', scopes: everything, robot: 'ci' }), 403);
    expectStatus(await post(as('robot-x'), { name: 'x', scopes: everything }), 403);
    for (const answer of [
      await post(as('bob', key), { name: 'x', scopes: everything }),
      await registry.get('/api/v1/keys', as('bob', key)),
      await registry.delete(`/api/v1/keys/${(await make('bob')).id}`, as('bob', key)),
      await registry.delete(`/api/v1/keys/${id}?owner=alice`, as('bob', key)),
    ])
      expectStatus(answer, 403);
    expectStatus(await registry.delete(`/api/v1/keys/${id}`, as('bob', key)), 204);
    expectError(await registry.get('/v2/', as('bob', key)), 401, 'UNAUTHORIZED');
  });

  it('asks who wants keys for a name and a password', async () => {
    for (const headers of [{}, as('bob', 'wrong'), { authorization: 'Bearer x' }]) {
      const answer = await registry.get('/api/v1/keys', headers);
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).to.match(/^Basic realm=/);
    }
  });

  it('refuses requests that make no sense, and says why', async () => {
    for (const [body, message] of [
      ['', 'JSON object'],
      ['[]', 'JSON object'],
      ['{"name"', 'JSON object'],
      [{}, 'name'],
      [{ name: 'a', scopes: everything, days: 101 }, '100 at most'],
      [{ name: 'a', scopes: everything, owner: 'alice' }, 'no member'],
      [{ name: 'a', scopes: [{ repositories: ['..%2f'], actions: ['pull'] }] }, 'no pattern'],
      [`{"name":"${'x'.repeat(70_000)}"}`, 'more than'],
    ] as const) {
      const answer = await post(as('bob'), body);
      expectStatus(answer, 400);
      expect(answer.body.toString()).to.include('KEY_INVALID').and.include(message);
    }
    const form = { headers: { ...as('bob'), 'content-type': 'text/plain' }, body: '{}' };
    expectStatus(await registry.post('/api/v1/keys', form), 400);
    expectStatus(await registry.ask('PUT', '/api/v1/keys', { headers: as('bob') }), 405);
    for (const id of ['..', '%2e%2e', 'a/b', 'x'.repeat(300), '%zz'])
      expectStatus(await registry.delete(`/api/v1/keys/${id}`, as('bob')), 404);
  });

  it('refuses mistyped keys before anybody is asked for a password', async () => {
    const { key } = await make('bob');
    for (const wrong of [
      'entrepot_',
      key.slice(0, -1),
      `${key}x`,
      key.toUpperCase().replace('ENTREPOT', 'entrepot'),
    ]) {
      const answer = await registry.get('/v2/', as('bob', wrong));
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.body.toString()).to.match(/key/);
    }
  });

  it('ends no upload that was begun with a key when the key expires', async () => {
    const { key } = await make('bob', { days: 1 });
    const headers = as('bob', key);
    const opened = expectStatus(await registry.post('/v2/team/app/blobs/uploads/', { headers }), 202);
    const { location = '' } = opened.headers;
    const now = Date.now;
    Date.now = () => now() + 90_000_000;
    try {
      expectError(await registry.get('/v2/', headers), 401, 'UNAUTHORIZED');
      expectStatus(await registry.patch(location, { headers, body: 'bytes' }), 202);
    } finally {
      Date.now = now;
    }
  });

  it('has a hundred keys of an owner, and no more', async () => {
    const text = await command('list', 'carol', '--json');
    expect(text).to.equal('');
    for (let number = 0; number < 100; number += 1) await command('create', 'carol');
    const answer = await post(as('carol'), { name: 'x', scopes: everything });
    expectStatus(answer, 409);
    expect(answer.body.toString()).to.include('TOO_MANY_KEYS');
  });
});

onEachStorage('A registry with keys that is its own token server', (serve) => {
  it('gives a key tokens that are as narrow as it is, and none once it is revoked', async () => {
    const issuer = tokenIssuer({ url: 'https://registry.example.com' });
    const registry = await serve({}, authKeys(), passwords, rules, issuer);
    const scopes = [{ repositories: ['team/**'], actions: ['pull'] }];
    const { id, key } = made(
      await registry.post('/api/v1/keys', {
        headers: { ...as('alice'), 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'docker', scopes }),
      }),
    );
    const query = 'scope=repository:team/app:pull,push&scope=repository:other/app:pull&offline_token=true';
    const answer = expectStatus(await registry.get(`/token?${query}`, as('alice', key)), 200);
    const body: unknown = JSON.parse(answer.body.toString());
    if (typeof body !== 'object' || body === null || !('token' in body && 'refresh_token' in body))
      throw new Error('no tokens came');
    const bearer = { authorization: `Bearer ${String(body.token)}` };
    expectError(await registry.get('/v2/team/app/manifests/v1', bearer), 404, 'MANIFEST_UNKNOWN');
    for (const refused of [
      await registry.post('/v2/team/app/blobs/uploads/', { headers: bearer }),
      await registry.get('/v2/other/app/manifests/v1', bearer),
    ])
      expectError(refused, 401, 'UNAUTHORIZED');
    const exchange = (): Promise<Answer> =>
      registry.post('/token', {
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: String(body.refresh_token),
        }).toString(),
      });
    expectStatus(await exchange(), 200);
    expectStatus(await registry.get('/api/v1/keys', bearer), 401);
    expectStatus(await registry.delete(`/api/v1/keys/${id}`, as('alice')), 204);
    expectError(await exchange(), 401, 'UNAUTHORIZED');
  });
});

describe('Replicas with keys', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-keys-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('take a key from the moment on in which one has made it, and none of them from that in which one has revoked it', async () => {
    const replicas: { readonly registry: Registry; readonly client: HttpClient }[] = [];
    try {
      for (let count = 0; count < 3; count += 1) {
        const registry = await createRegistry({
          http: { port: 0 },
          log: { level: 'silent' },
          plugins: [storageFilesystem({ root: join(folder, 'storage') }), authKeys(), passwords],
        });
        replicas.push({ registry, client: new HttpClient((await registry.start()).url) });
      }
      const clients = replicas.map(({ client }) => client);
      const [one, , last] = clients;
      if (one === undefined || last === undefined) throw new Error('there are three replicas');
      for (let round = 0; round < 5; round += 1) {
        const { id, key } = made(
          await one.post('/api/v1/keys', {
            headers: { ...as('alice'), 'content-type': 'application/json' },
            body: JSON.stringify({ name: 'laptop', scopes: everything }),
          }),
        );
        for (const client of clients) expectStatus(await client.get('/v2/', as('alice', key)), 200);
        expectStatus(await last.delete(`/api/v1/keys/${id}`, as('alice')), 204);
        for (const client of clients)
          expectError(await client.get('/v2/', as('alice', key)), 401, 'UNAUTHORIZED');
      }
    } finally {
      for (const { registry, client } of replicas) {
        client.close();
        await registry.stop();
      }
    }
  });
});
