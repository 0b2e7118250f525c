import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import { RegistryError } from '@entrepot/plugin-sdk';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError, namesOf } from '../oci/answers.ts';
import { bareManifest } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';

/** Knows everybody whose password is "<name>'s secret", and challenges as Basic. */
const passwords = plugin('auth-passwords', (hooks, name) => {
  hooks.authenticate.tap(name, ({ basic }) => {
    if (basic === undefined) return undefined;
    if (basic.username === 'down') throw new RegistryError('UNAVAILABLE', 'the directory is down');
    if (basic.password !== `${basic.username}'s secret`)
      throw new RegistryError('UNAUTHORIZED', 'wrong password');
    return { subject: basic.username };
  });
  hooks.challenge.tap(name, (challenges) => [...challenges, 'Basic realm="registry"']);
});
const issuer = tokenIssuer({ url: 'https://registry.example.com' });
const plain = 'Bearer realm="https://registry.example.com/token",service="registry"';
const basic = (name: string, password = `${name}'s secret`): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const form = (fields: Record<string, string>): { headers: Record<string, string>; body: Buffer } => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: Buffer.from(new URLSearchParams(fields).toString()),
});

function tokenOf(answer: Answer): string {
  expectStatus(answer, 200);
  const body: unknown = JSON.parse(answer.body.toString());
  expect(body).to.have.all.keys('token', 'access_token', 'expires_in', 'issued_at');
  if (typeof body !== 'object' || body === null || !('token' in body) || typeof body.token !== 'string')
    throw new Error('the answer has no token');
  expect(body).to.include({ access_token: body.token, expires_in: 900 });
  expect(answer.headers['cache-control']).to.equal('no-store');
  return body.token;
}
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

onEachStorage('A registry that is its own token server', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve(
      {},
      passwords,
      accessRules({
        rules: [
          { who: ['user:alice'], allow: ['*'] },
          { who: ['user:bob'], repositories: ['team/**'], allow: ['pull'] },
          { who: ['everyone'], repositories: ['public/**'], allow: ['pull'] },
        ],
      }),
      issuer,
    );
    for (const name of ['public/app', 'secret/app', 'team/app']) {
      const token = await ask('alice', `scope=repository:${name}:pull,push`);
      expectStatus(await push(name, token), 201);
    }
  });

  async function ask(name: string | undefined, query: string): Promise<string> {
    return tokenOf(
      await registry.get(`/token?service=registry&${query}`, name === undefined ? {} : basic(name)),
    );
  }
  function push(repository: string, token: string): Promise<Answer> {
    const manifest = bareManifest(repository);
    const headers = { ...bearer(token), 'content-type': manifest.mediaType };
    return registry.put(`/v2/${repository}/manifests/v1`, { headers, body: manifest.bytes });
  }
  const pull = (repository: string, token: string): Promise<Answer> =>
    registry.get(`/v2/${repository}/manifests/v1`, bearer(token));
  function expectChallenge(answer: Answer, challenge: string): void {
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal(challenge);
  }

  it('has one challenge, which names its own endpoint', async () => {
    expectChallenge(await registry.get('/v2/'), plain);
    expectChallenge(
      await registry.get('/v2/team/app/tags/list'),
      `${plain},scope="repository:team/app:pull"`,
    );
  });

  it('gives a token for the login alone', async () => {
    expectStatus(await registry.get('/v2/', bearer(await ask('bob', 'account=bob'))), 200);
  });

  it('grants what the rules allow of what is asked for, and leaves the rest out', async () => {
    const token = await ask('bob', 'scope=repository:team/app:pull,push&scope=repository:secret/app:pull');
    expectStatus(await pull('team/app', token), 200);
    expectChallenge(
      await push('team/app', token),
      `${plain},scope="repository:team/app:pull,push",error="insufficient_scope"`,
    );
    expectChallenge(
      await pull('secret/app', token),
      `${plain},scope="repository:secret/app:pull",error="insufficient_scope"`,
    );
  });

  it('reads repeated scopes and scopes with spaces between, by GET and by POST', async () => {
    const both = 'repository:team/app:pull repository:public/app:pull';
    const fields = { grant_type: 'password', client_id: 'x', service: 'registry', username: 'bob' };
    const post = { ...fields, password: "bob's secret", scope: both };
    for (const token of [
      await ask('bob', `scope=${encodeURIComponent(both)}`),
      await ask('bob', 'scope=repository:team/app:pull&scope=repository:public/app:pull'),
      tokenOf(await registry.post('/token', form(post))),
    ]) {
      expectStatus(await pull('team/app', token), 200);
      expectStatus(await pull('public/app', token), 200);
    }
  });

  it('gives nobody in particular a token for what everybody may do, and takes them for nobody', async () => {
    const token = await ask(
      undefined,
      'scope=repository:public/app:pull,push&scope=repository:team/app:pull',
    );
    expectStatus(await pull('public/app', token), 200);
    expectError(await pull('team/app', token), 401, 'UNAUTHORIZED');
    expectError(await push('public/app', token), 401, 'UNAUTHORIZED');
    expectChallenge(await registry.get('/v2/', bearer(token)), plain);
  });

  it('grants the catalog', async () => {
    const token = await ask('alice', 'scope=registry:catalog:*');
    const answer = await registry.get('/v2/_catalog', bearer(token));
    expect(namesOf(answer, 'repositories')).to.deep.equal(['public/app', 'secret/app', 'team/app']);
  });

  it('takes passwords on requests themselves too', async () => {
    expectStatus(await registry.get('/v2/', basic('alice')), 200);
  });

  it('refuses wrong passwords, and says when it cannot be found out whether they are', async () => {
    const fields = { grant_type: 'password', username: 'alice', password: 'wrong' };
    expectStatus(await registry.get('/token', basic('alice', 'wrong')), 401);
    expectStatus(await registry.post('/token', form(fields)), 401);
    expectStatus(await registry.get('/token', basic('down')), 503);
  });

  it('refuses forms it does not understand, with what is wrong', async () => {
    const known = { username: 'alice', password: "alice's secret" };
    for (const [fields, error] of [
      [{}, 'unsupported_grant_type'],
      [{ grant_type: 'client_credentials' }, 'unsupported_grant_type'],
      [{ grant_type: 'refresh_token' }, 'invalid_request'],
      [{ grant_type: 'password' }, 'invalid_request'],
      [{ grant_type: 'password', ...known, service: 'other' }, 'invalid_request'],
      [{ grant_type: 'password', ...known, scope: 'a:b:c '.repeat(200) }, 'invalid_scope'],
      [{ grant_type: 'password', ...known, scope: 'x'.repeat(70_000) }, 'invalid_request'],
    ] as const) {
      const answer = await registry.post('/token', form({ ...fields }));
      expectStatus(answer, 400);
      expect(answer.body.toString()).to.include(`"${error}"`);
    }
  });

  it('refuses tokens that are not its own', async () => {
    for (const token of ['x', 'a.b.c', `${await ask('bob', '')}x`])
      expectChallenge(await registry.get('/v2/', bearer(token)), `${plain},error="invalid_token"`);
  });

  it('says in it what a token is to say', async () => {
    const token = await ask('bob', 'scope=repository:team/app:pull,push');
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).to.include.all.keys('iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'access');
    expect(claims).to.deep.include({
      iss: 'https://registry.example.com',
      aud: 'registry',
      sub: 'bob',
      access: [{ type: 'repository', name: 'team/app', actions: ['pull'] }],
    });
  });

  it('grants no push that would make a repository to who may not create one', async () => {
    const rules = accessRules({
      rules: [
        { who: ['user:alice'], allow: ['*', 'create'] },
        { who: ['user:bob'], allow: ['pull', 'push'] },
      ],
    });
    const creating = await serve({}, passwords, rules, issuer);
    const grantsOf = async (name: string, repository: string): Promise<unknown> => {
      const query = `/token?scope=repository:${repository}:pull,push`;
      const token = tokenOf(await creating.get(query, basic(name)));
      const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      return typeof claims === 'object' && claims !== null && 'access' in claims ? claims.access : undefined;
    };
    const both = [{ type: 'repository', name: 'new', actions: ['pull', 'push'] }];
    const pull = [{ type: 'repository', name: 'new', actions: ['pull'] }];
    expect(await grantsOf('bob', 'new')).to.deep.equal(pull);
    expect(await grantsOf('alice', 'new')).to.deep.equal(both);
    const token = tokenOf(await creating.get('/token?scope=repository:new:pull,push', basic('alice')));
    const { bytes, mediaType } = bareManifest('new');
    const headers = { ...bearer(token), 'content-type': mediaType };
    expectStatus(await creating.put('/v2/new/manifests/v1', { headers, body: bytes }), 201);
    expect(await grantsOf('bob', 'new')).to.deep.equal(both);
  });

  it('publishes its keys', async () => {
    const answer = expectStatus(await registry.get('/token/keys'), 200);
    expect(answer.headers['content-type']).to.equal('application/jwk-set+json');
    expect(answer.body.toString()).to.match(/^\{"keys":\[\{.*"kty":"EC".*\}\]\}$/);
  });
});

onEachStorage('A registry that issues tokens without rules', (serve) => {
  it('grants everything to who is known, and nothing to others', async () => {
    const registry = await serve({}, passwords, issuer);
    const query = '/token?scope=repository:a:pull,push';
    const known = tokenOf(await registry.get(query, basic('carol')));
    expectStatus(await registry.post('/v2/a/blobs/uploads/', { headers: bearer(known) }), 202);
    const nobody = tokenOf(await registry.get(query));
    expectError(
      await registry.post('/v2/a/blobs/uploads/', { headers: bearer(nobody) }),
      401,
      'UNAUTHORIZED',
    );
  });
});
