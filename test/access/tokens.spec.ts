import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { exportJWK, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import accessRules from '@entrepot/access-rules';
import authToken from '@entrepot/auth-token';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError, jsonOf, namesOf } from '../oci/answers.ts';
import { bareManifest } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';

const certificates = fileURLToPath(new URL('../../plugins/auth-token/test/certificates/', import.meta.url));
const server = {
  realm: 'https://auth.example.com/token',
  service: 'registry.example.com',
  issuers: ['auth', 'old'],
};
const plain = `Bearer realm="${server.realm}",service="${server.service}"`;

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const seconds = (): number => Math.floor(Date.now() / 1000);
const access = (name: string, ...actions: readonly string[]): object => ({
  type: 'repository',
  name,
  actions,
});
const claims = (...allowed: readonly unknown[]): JWTPayload => ({
  iss: 'auth',
  sub: 'alice',
  aud: server.service,
  exp: seconds() + 300,
  nbf: seconds() - 10,
  access: allowed,
});

interface Signature {
  readonly key?: KeyObject;
  readonly header?: object;
}
function sign(payload: JWTPayload, { key = ec.privateKey, header = {} }: Signature = {}): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'ec', ...header }).sign(key);
}
function without(payload: JWTPayload, claim: string): JWTPayload {
  const rest = { ...payload };
  Reflect.deleteProperty(rest, claim);
  return rest;
}
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

onEachStorage('A registry that takes tokens', (serve) => {
  let folder: string;
  let registry: ServedRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-tokens-'));
    const jwksFile = join(folder, 'keys.json');
    const keys = [
      { ...(await exportJWK(ec.publicKey)), kid: 'ec' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' },
      {
        kty: 'oct',
        k: Buffer.from('a secret that somebody has published').toString('base64url'),
        kid: 'secret',
      },
    ];
    await writeFile(jwksFile, JSON.stringify({ keys }));
    registry = await serve(
      {},
      authToken({ ...server, jwksFile, rootCertificates: join(certificates, 'root.pem') }),
    );
    expectStatus(await push('team/app', await sign(claims(access('team/app', 'pull', 'push')))), 201);
  });
  after(() => rm(folder, { recursive: true }));

  async function push(repository: string, token: string): Promise<Answer> {
    const manifest = bareManifest(repository);
    const headers = { ...bearer(token), 'content-type': manifest.mediaType };
    return registry.put(`/v2/${repository}/manifests/v1`, { headers, body: manifest.bytes });
  }
  const pull = (token: string, path = '/v2/team/app/manifests/v1'): Promise<Answer> =>
    registry.get(path, bearer(token));

  function expectChallenge(answer: Answer, challenge: string): void {
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal(challenge);
  }
  const pullScope = 'scope="repository:team/app:pull"';

  describe('challenges', () => {
    it('with realm and service on GET /v2/', async () => {
      expectChallenge(await registry.get('/v2/'), plain);
    });

    it('with the scope of a pull, a push, a delete, the catalog and a mount', async () => {
      const upload = '/v2/team/app/blobs/uploads/';
      const mount = `${upload}?mount=sha256:${'a'.repeat(64)}&from=other`;
      const pushScope = 'scope="repository:team/app:pull,push"';
      expectChallenge(await registry.get('/v2/team/app/tags/list'), `${plain},${pullScope}`);
      expectChallenge(await registry.post(upload), `${plain},${pushScope}`);
      expectChallenge(await registry.post(mount), `${plain},${pushScope}`);
      expectChallenge(
        await registry.delete('/v2/team/app/manifests/v1'),
        `${plain},scope="repository:team/app:delete"`,
      );
      expectChallenge(await registry.get('/v2/_catalog'), `${plain},scope="registry:catalog:*"`);
    });

    it('without an error for who shows a password', async () => {
      const basic = { authorization: `Basic ${Buffer.from('alice:x').toString('base64')}` };
      expectChallenge(await registry.get('/v2/', basic), plain);
    });

    it('with insufficient_scope whose token allows something else, and never with 403', async () => {
      const token = await sign(claims(access('team/app', 'pull')));
      expectChallenge(
        await push('team/app', token),
        `${plain},scope="repository:team/app:pull,push",error="insufficient_scope"`,
      );
    });
  });

  describe('lets in', () => {
    it('a token without access for the login alone', async () => {
      const token = await sign({ ...claims(), access: undefined });
      expectStatus(await pull(token, '/v2/'), 200);
      expectChallenge(await pull(token), `${plain},${pullScope},error="insufficient_scope"`);
    });

    it('what the access claim names, whatever its class', async () => {
      const entries = [access('other', 'pull'), { ...access('team/app', 'pull'), class: 'plugin' }];
      expectStatus(await pull(await sign(claims(...entries))), 200);
      expectStatus(await pull(await sign(claims(access('team/app', '*')))), 200);
    });

    it('the catalog with the action *', async () => {
      const token = await sign(claims({ type: 'registry', name: 'catalog', actions: ['*'] }));
      expect(namesOf(await pull(token, '/v2/_catalog'), 'repositories')).to.deep.equal(['team/app']);
      const repository = await sign(claims(access('catalog', '*')));
      expectError(await pull(repository, '/v2/_catalog'), 401, 'UNAUTHORIZED');
    });

    it('a second issuer, an audience among several, a token that is used again', async () => {
      const token = await sign({
        ...claims(access('team/app', 'pull')),
        iss: 'old',
        aud: ['x', server.service],
      });
      expectStatus(await pull(token), 200);
      expectStatus(await pull(token), 200);
    });

    it('a token of a server whose clock is 45 seconds off', async () => {
      const allowed = claims(access('team/app', 'pull'));
      expectStatus(await pull(await sign({ ...allowed, exp: seconds() - 45 })), 200);
      expectStatus(await pull(await sign({ ...allowed, nbf: seconds() + 45, iat: seconds() + 45 })), 200);
    });

    it('a token signed with RSA', async () => {
      const allowed = claims(access('team/app', 'pull'));
      const signature = { key: rsa.privateKey, header: { alg: 'RS256', kid: 'rsa' } };
      expectStatus(await pull(await sign(allowed, signature)), 200);
    });

    it('a chain of certificates that ends at a trusted one', async () => {
      expectStatus(await pull(await withChain('leaf', ['leaf', 'authority'])), 200);
      expectStatus(await pull(await withChain('leaf', ['leaf', 'authority', 'root'])), 200);
    });
  });

  async function withChain(key: string, names: readonly string[]): Promise<string> {
    const pem = await readFile(join(certificates, `${key}.key`));
    const x5c = await Promise.all(
      names.map(async (name) =>
        new X509Certificate(await readFile(join(certificates, `${name}.pem`))).raw.toString('base64'),
      ),
    );
    return sign(claims(access('team/app', 'pull')), { key: createPrivateKey(pem), header: { x5c } });
  }

  describe('refuses with invalid_token', () => {
    const allowed = (): JWTPayload => claims(access('team/app', 'pull'));
    const tampered = async (): Promise<string> => {
      const [header = '', , signature = ''] = (await sign(allowed())).split('.');
      const payload = JSON.stringify({ ...allowed(), sub: 'root' });
      return [header, Buffer.from(payload).toString('base64url'), signature].join('.');
    };
    const confused = async (): Promise<string> => {
      const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
      const key = createSecretKey(Buffer.from(pem));
      return sign(allowed(), { key, header: { alg: 'HS256', kid: 'rsa' } });
    };
    const embedded = async (): Promise<string> =>
      sign(allowed(), {
        key: stranger.privateKey,
        header: { kid: 'mine', jwk: { ...(await exportJWK(stranger.publicKey)), kid: 'ec' } },
      });
    const kids = ['../../../dev/null', "' or 1=1 --", '', '__proto__', 'ec\u0000', 'EC'];
    const cases: readonly (readonly [string, () => string | Promise<string>])[] = [
      ['nonsense', () => 'nonsense'],
      ['dots', () => '..'],
      ['a header that is no JSON', () => 'e30x.e30.AAAA'],
      ['null for a header', () => `${Buffer.from('null').toString('base64url')}.e30.AAAA`],
      ['a token whose claims were changed', tampered],
      ['a token without its signature', async () => (await sign(allowed())).replace(/[^.]*$/, '')],
      ['a token of a stranger', () => sign(allowed(), { key: stranger.privateKey })],
      ['the algorithm none', () => new UnsecuredJWT(allowed()).encode()],
      ['a public key taken for a secret', confused],
      [
        'a secret that stands in the key set',
        () =>
          sign(allowed(), {
            key: createSecretKey(Buffer.from('a secret that somebody has published')),
            header: { alg: 'HS256', kid: 'secret' },
          }),
      ],
      ['the key of another algorithm', () => sign(allowed(), { header: { kid: 'rsa' } })],
      ['a key of its own (jwk)', embedded],
      [
        'a URL of keys (jku)',
        () => sign(allowed(), { key: stranger.privateKey, header: { jku: 'http://127.0.0.1:1/' } }),
      ],
      [
        'a URL of certificates (x5u)',
        () => sign(allowed(), { key: stranger.privateKey, header: { kid: 'x', x5u: 'http://127.0.0.1:1/' } }),
      ],
      ...kids.map(
        (kid) => [`the key name ${JSON.stringify(kid)}`, () => sign(allowed(), { header: { kid } })] as const,
      ),
      ['no key name where there are several keys', () => sign(allowed(), { header: { kid: undefined } })],
      ['a wrong issuer', () => sign({ ...allowed(), iss: 'Auth' })],
      ['no issuer', () => sign(without(allowed(), 'iss'))],
      ['a wrong audience', () => sign({ ...allowed(), aud: `${server.service}.evil` })],
      ['no audience', () => sign(without(allowed(), 'aud'))],
      ['no end', () => sign(without(allowed(), 'exp'))],
      ['a future token', () => sign({ ...allowed(), nbf: seconds() + 3600 })],
      ['access that is no list', () => sign({ ...allowed(), access: { type: 'repository' } })],
      ['access with null in it', () => sign(claims(null))],
      ['access with actions that are text', () => sign(claims({ ...access('team/app'), actions: 'pull' }))],
      ['a chain without the authority between', () => withChain('leaf', ['leaf'])],
      ['a chain in the wrong order', () => withChain('leaf', ['authority', 'leaf'])],
      ['a chain whose authority may not certify', () => withChain('notcaleaf', ['notcaleaf', 'notca'])],
      ['a root that merely has the name', () => withChain('other', ['other'])],
      ['a trusted root before the own certificate', () => withChain('other', ['root', 'other'])],
      ['a certificate that has expired', () => withChain('expired', ['expired'])],
      ['no chain in x5c', () => sign(allowed(), { header: { x5c: [] } })],
      ['nonsense in x5c', () => sign(allowed(), { header: { x5c: ['AAAA'] } })],
      ['numbers in x5c', () => sign(allowed(), { header: { x5c: [1] } })],
    ];
    for (const [what, token] of cases) {
      it(what, async () => {
        const answer = await pull(await token());
        expectChallenge(answer, `${plain},${pullScope},error="invalid_token"`);
      });
    }

    it('an expired token, and says by how much', async () => {
      const answer = await pull(await sign({ ...allowed(), exp: seconds() - 3600 }));
      expectChallenge(answer, `${plain},${pullScope},error="invalid_token"`);
      expect(answer.body.toString()).to.match(
        /expired, by 360\d s; when it is new, look for clock skew of 360\d s/,
      );
    });

    it('a long token, as the server does with a header that is longer still', async () => {
      const long = await sign(claims(...Array.from({ length: 100 }, (_, n) => access(`team/${n}`, 'pull'))));
      expectChallenge(await pull(long), `${plain},${pullScope},error="insufficient_scope"`);
      expect((await pull('a'.repeat(100_000))).status).to.equal(431);
    });
  });

  describe('takes a name in the access claim letter by letter', () => {
    const names = [
      'team',
      'team/',
      'team/ap',
      'team/app2',
      'team/*',
      '*',
      '**',
      'TEAM/APP',
      'Team/app',
      'team%2Fapp',
    ];
    names.push('team/app/', './team/app', 'team//app', ' team/app', 'team/app:pull', 'x/../team/app', '');
    for (const name of names) {
      it(`'${name}' is not team/app`, async () => {
        const token = await sign(claims(access(name, 'pull', 'push', '*')));
        expectChallenge(await pull(token), `${plain},${pullScope},error="insufficient_scope"`);
      });
    }

    it('and so types and actions', async () => {
      const entry = { type: 'repository', name: 'team/app', actions: ['pull'] };
      for (const change of [
        { type: 'Repository' },
        { type: 'repository(plugin)' },
        { type: 'registry' },
        { actions: ['PULL'] },
        { actions: ['pull,push'] },
        { actions: ['push'] },
        { actions: [['pull']] },
        { actions: [] },
        { actions: undefined },
      ]) {
        const token = await sign(claims({ ...entry, ...change }));
        expectChallenge(await pull(token), `${plain},${pullScope},error="insufficient_scope"`);
      }
    });
  });

  it('takes a mount whose source the token does not allow for an upload', async () => {
    const token = await sign(claims(access('team/app', 'pull', 'push')));
    const mount = `/v2/team/app/blobs/uploads/?mount=sha256:${'a'.repeat(64)}&from=secret/app`;
    expectStatus(await registry.post(mount, { headers: bearer(token) }), 202);
  });
});

onEachStorage('A registry with tokens of a server and others', (serve) => {
  let folder: string;
  let jwksFile: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-tokens-'));
    jwksFile = join(folder, 'keys.json');
    await writeFile(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(ec.publicKey)), kid: 'ec' }] }));
  });
  after(() => rm(folder, { recursive: true }));

  const catalogToken = (): Promise<string> =>
    sign(claims({ type: 'registry', name: 'catalog', actions: ['*'] }, access('team/app', 'pull')));

  it('shows all of the catalog, or what the token allows to pull', async () => {
    for (const [catalog, shown] of [
      ['all', ['secret/app', 'team/app']],
      ['granted', ['team/app']],
    ] as const) {
      const registry = await serve({}, authToken({ ...server, jwksFile, catalog }));
      for (const name of ['secret/app', 'team/app']) {
        const manifest = bareManifest(name);
        const headers = {
          ...bearer(await sign(claims(access(name, 'pull', 'push')))),
          'content-type': manifest.mediaType,
        };
        expectStatus(await registry.put(`/v2/${name}/manifests/v1`, { headers, body: manifest.bytes }), 201);
      }
      const answer = expectStatus(await registry.get('/v2/_catalog', bearer(await catalogToken())), 200);
      expect(namesOf(answer, 'repositories')).to.deep.equal(shown);
    }
  });

  it('stands beside one that issues its own', async () => {
    const passwords = plugin('auth-passwords', (hooks, name) =>
      hooks.authenticate.tap(name, ({ basic }) =>
        basic?.password === 'wonderland' ? { subject: basic.username } : undefined,
      ),
    );
    const rules = accessRules({ rules: [{ who: ['user:carol'], allow: ['pull'] }] });
    const issuer = tokenIssuer({ url: 'https://registry.example.com' });
    const registry = await serve({}, authToken({ ...server, jwksFile }), passwords, rules, issuer);
    const basic = { authorization: `Basic ${Buffer.from('carol:wonderland').toString('base64')}` };
    const own = jsonOf(expectStatus(await registry.get('/token?scope=repository:team/app:pull', basic), 200))[
      'token'
    ];
    const foreign = await sign(claims(access('team/app', 'pull')));
    // Both may look for a repository that does not exist.
    for (const token of [String(own), foreign])
      expectError(await registry.get('/v2/team/app/tags/list', bearer(token)), 404, 'NAME_UNKNOWN');
    for (const token of [await sign({ ...claims(), iss: 'nobody' }), 'x', `${String(own)}x`, `${foreign}x`]) {
      const answer = await registry.get('/v2/team/app/tags/list', bearer(token));
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).to.match(
        /^Bearer realm="https:\/\/registry\.example\.com\/token".*error="invalid_token"$/,
      );
    }
  });
});

onEachStorage('A registry whose token server is down', (serve) => {
  it('answers tokens with 503, and who has none with a challenge', async () => {
    const registry = await serve({}, authToken({ ...server, jwksUrl: 'http://127.0.0.1:1/jwks' }));
    const answer = await registry.get('/v2/team/app/tags/list', bearer(await sign(claims())));
    expectError(answer, 503, 'UNAVAILABLE');
    expect(answer.headers['retry-after']).to.equal('10');
    expectError(await registry.get('/v2/'), 401, 'UNAUTHORIZED');
  });
});
