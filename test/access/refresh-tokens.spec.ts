import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import { RegistryError } from '@entrepot/plugin-sdk';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError } from '../oci/answers.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';

/** Passwords that can be changed. */
const passwords = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
]);
let isDown = false;
const directory = plugin('auth-directory', (hooks, name) => {
  hooks.authenticate.tap(name, ({ basic }) => {
    if (basic === undefined) return undefined;
    if (isDown) throw new RegistryError('UNAVAILABLE', 'the directory is down');
    if (passwords.get(basic.username) !== basic.password)
      throw new RegistryError('UNAUTHORIZED', 'wrong password');
    return { subject: basic.username };
  });
});
const basic = (name: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${passwords.get(name) ?? ''}`).toString('base64')}`,
});

interface Given {
  readonly token: string;
  readonly refresh: string | undefined;
}

function given(answer: Answer): Given {
  expectStatus(answer, 200);
  const body: unknown = JSON.parse(answer.body.toString());
  if (typeof body !== 'object' || body === null || !('token' in body)) throw new Error('no token came');
  return {
    token: String(body.token),
    refresh: 'refresh_token' in body ? String(body.refresh_token) : undefined,
  };
}

onEachStorage('A registry that lets clients stay logged in', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve(
      {},
      directory,
      accessRules({ rules: [{ who: ['user:alice'], repositories: ['team/**'], allow: ['pull', 'push'] }] }),
      tokenIssuer({ url: 'https://registry.example.com' }),
    );
  });
  afterEach(() => {
    passwords.set('alice', 'wonderland');
    isDown = false;
  });

  const scope = 'repository:team/app:pull';
  function post(fields: Record<string, string>): Promise<Answer> {
    return registry.post('/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ service: 'registry', client_id: 'test', ...fields }).toString(),
    });
  }
  const exchange = (refresh: string | undefined, fields: Record<string, string> = {}): Promise<Answer> =>
    post({ grant_type: 'refresh_token', refresh_token: refresh ?? '', scope, ...fields });
  async function login(): Promise<string | undefined> {
    const query = 'service=registry&account=alice&client_id=docker&offline_token=true';
    return given(await registry.get(`/token?${query}`, basic('alice'))).refresh;
  }
  const pull = (token: string): Promise<Answer> =>
    registry.get('/v2/team/app/tags/list', { authorization: `Bearer ${token}` });

  it('gives docker a refresh token at its login, and tokens for that later', async () => {
    const { token } = given(await exchange(await login()));
    expectError(await pull(token), 404, 'NAME_UNKNOWN');
  });

  it('gives one for the password grant with offline access, and none unasked', async () => {
    const fields = { grant_type: 'password', username: 'alice', password: 'wonderland', scope };
    const { refresh } = given(await post({ ...fields, access_type: 'offline' }));
    expectError(await pull(given(await exchange(refresh)).token), 404, 'NAME_UNKNOWN');
    expect(given(await post(fields)).refresh).to.equal(undefined);
    expect(given(await registry.get('/token', basic('alice'))).refresh).to.equal(undefined);
    expect(given(await registry.get('/token?offline_token=true')).refresh).to.equal(undefined);
  });

  it('takes the same one again and again, for clients that do not keep another', async () => {
    const refresh = await login();
    const first = given(await exchange(refresh, { access_type: 'offline' }));
    expect(first.refresh).to.equal(refresh);
    expect(given(await exchange(refresh)).refresh).to.equal(undefined);
    expectStatus(await exchange(refresh), 200);
  });

  it('takes none of them from the moment on in which the password is another', async () => {
    const refresh = await login();
    passwords.set('alice', 'changed');
    expectError(await exchange(refresh), 401, 'UNAUTHORIZED');
    passwords.delete('alice');
    expectError(await exchange(refresh), 401, 'UNAUTHORIZED');
  });

  it('says that it cannot tell, and not that one is wrong, when who knows users is down', async () => {
    const refresh = await login();
    isDown = true;
    expectError(await exchange(refresh), 503, 'UNAVAILABLE');
    isDown = false;
    expectStatus(await exchange(refresh), 200);
  });

  it('asks the rules anew at each exchange', async () => {
    const refresh = await login();
    const { token } = given(await exchange(refresh, { scope: 'repository:other/app:pull' }));
    const answer = await registry.get('/v2/other/app/tags/list', { authorization: `Bearer ${token}` });
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.include('insufficient_scope');
  });

  it('refuses what is no refresh token of its own, or is used as something else', async () => {
    const refresh = (await login()) ?? '';
    const { token } = given(await exchange(refresh));
    for (const wrong of ['x', '', token, `${refresh}x`, refresh.slice(1)])
      expectError(await exchange(wrong), 401, 'UNAUTHORIZED');
    expectError(await pull(refresh), 401, 'UNAUTHORIZED');
    expectStatus(await exchange(refresh, { service: 'other' }), 400);
    expectStatus(await post({ grant_type: 'refresh_token' }), 400);
    const authorization = `Basic ${Buffer.from(`alice:${refresh}`).toString('base64')}`;
    expectError(await registry.get('/token', { authorization }), 401, 'UNAUTHORIZED');
  });
});
