import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { exportJWK, UnsecuredJWT, type JWTPayload } from 'jose';
import accessRules from '@entrepot/access-rules';
import authOidc from '@entrepot/auth-oidc';
import { createRegistry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError, jsonOf } from '../oci/answers.ts';
import { bareManifest } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, type ServedRegistry } from '../oci/served-registry.ts';
import { githubJob, gitlabJob, OidcIssuer, serviceAccount } from './oidc-issuer.ts';

const audience = 'registry.example.com';
const challenge = 'Basic realm="registry", charset="UTF-8"';
const main = githubJob('acme/app', 'refs/heads/main');
const seconds = (): number => Math.floor(Date.now() / 1000);
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const as = (name: string, token: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${token}`).toString('base64')}`,
});

const rules = accessRules({
  rules: [
    { who: ['everyone'], repositories: ['public/**'], allow: ['pull'] },
    {
      who: ['user:github:*'],
      claims: { repository: 'acme/app', ref: 'refs/heads/main' },
      repositories: ['acme/app'],
      allow: ['pull', 'push'],
    },
    { who: ['user:gitlab:*'], claims: { project_path: 'acme/*' }, repositories: ['acme/*'], allow: ['pull'] },
    {
      who: ['user:cluster:*'],
      claims: { '/kubernetes.io/namespace': 'build', '/kubernetes.io/serviceaccount/name': 'builder' },
      repositories: ['build/**'],
      allow: ['pull', 'push'],
    },
    { who: ['group:gitlab:maintainers'], repositories: ['shared/*'], allow: ['pull', 'push'] },
    { who: ['user:github', 'group:maintainers'], allow: ['*'] },
  ],
});

function push(
  registry: ServedRegistry,
  repository: string,
  headers: Record<string, string>,
): Promise<Answer> {
  const manifest = bareManifest(repository);
  return registry.put(`/v2/${repository}/manifests/v1`, {
    headers: { ...headers, 'content-type': manifest.mediaType },
    body: manifest.bytes,
  });
}

onEachStorage('A registry that takes the tokens of CI jobs and workloads', (serve) => {
  let github: OidcIssuer;
  let gitlab: OidcIssuer;
  let cluster: OidcIssuer;
  let registry: ServedRegistry;
  before(async () => {
    [github, gitlab, cluster] = await Promise.all([
      OidcIssuer.start(),
      OidcIssuer.start(),
      OidcIssuer.start(),
    ]);
    registry = await serve(
      {},
      authOidc({
        issuers: [
          { name: 'github', issuer: github.url, audience },
          { name: 'gitlab', issuer: gitlab.url, audience, groups: 'groups_direct' },
          { name: 'cluster', issuer: cluster.url, audience, jwksUrl: `${cluster.url}/keys` },
        ],
      }),
      rules,
    );
    expectStatus(await push(registry, 'acme/app', bearer(await github.sign(main))), 201);
  });
  after(() => Promise.all([github, gitlab, cluster].map((issuer) => issuer.close())));

  it('takes a token as the password of any name, and as a Bearer token', async () => {
    const token = await github.sign(main);
    for (const headers of [as('oauth2accesstoken', token), as('x', token), as('', token), bearer(token)])
      expectStatus(await push(registry, 'acme/app', headers), 201);
  });

  it('asks who shows nothing for a name and a password, which is what docker login has', async () => {
    const answer = await registry.get('/v2/');
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal(challenge);
  });

  it('turns claims into rights: another branch, repository or owner has none', async () => {
    for (const job of [
      githubJob('acme/app', 'refs/heads/feature'),
      githubJob('acme/app', 'refs/pull/1/merge'),
      githubJob('acme/other', 'refs/heads/main'),
      githubJob('evil/app', 'refs/heads/main'),
    ]) {
      const answer = await push(registry, 'acme/app', bearer(await github.sign(job)));
      expectError(answer, 403, 'DENIED');
      expect(answer.body.toString()).to.include(`github:${job.sub} may not`);
    }
    expectError(await push(registry, 'acme/other', bearer(await github.sign(main))), 403, 'DENIED');
  });

  it('never takes the claims of one issuer for those of another', async () => {
    expectError(await push(registry, 'acme/app', bearer(await gitlab.sign(main))), 403, 'DENIED');
    expectError(
      await push(registry, 'acme/app', bearer(await gitlab.sign({ ...main, sub: 'github' }))),
      403,
      'DENIED',
    );
    const maintainer = await github.sign({
      ...githubJob('evil/app', 'x'),
      groups: ['gitlab:maintainers', 'maintainers'],
    });
    expectError(await push(registry, 'shared/app', bearer(maintainer)), 403, 'DENIED');
  });

  it('knows the jobs of GitLab, with their groups', async () => {
    const job = gitlabJob('acme/app', 'main');
    const pull = (token: string): Promise<Answer> =>
      registry.get('/v2/acme/app/manifests/v1', as('gitlab-ci', token));
    expectStatus(await pull(await gitlab.sign(job)), 200);
    expectError(await push(registry, 'shared/app', bearer(await gitlab.sign(job))), 403, 'DENIED');
    const maintainer = await gitlab.sign({ ...job, groups_direct: ['developers', 'maintainers'] });
    expectStatus(await push(registry, 'shared/app', bearer(maintainer)), 201);
  });

  it('knows service accounts of Kubernetes by claims within claims', async () => {
    const pod = await cluster.sign(serviceAccount('build', 'builder'));
    expectStatus(await push(registry, 'build/tools', bearer(pod)), 201);
    for (const [namespace, name] of [
      ['build', 'default'],
      ['prod', 'builder'],
    ] as const) {
      const other = await cluster.sign(serviceAccount(namespace, name));
      expectError(await push(registry, 'build/tools', bearer(other)), 403, 'DENIED');
    }
  });

  it('takes a token for who it is where everybody may do what is asked, and a bad one for nobody', async () => {
    const old = await github.sign({ ...main, exp: seconds() - 3600 });
    for (const headers of [as('x', old), bearer(old)]) {
      const answer = await registry.get('/v2/public/app/tags/list', headers);
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.body.toString()).to.match(/expired, by 36\d\d s/);
    }
  });

  describe('refuses', () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = (): KeyObject =>
      createSecretKey(Buffer.from(github.publicKey.export({ type: 'spki', format: 'pem' })));
    const tampered = async (): Promise<string> => {
      const [header = '', , signature = ''] = (await github.sign(main)).split('.');
      const claims = { iss: github.url, aud: audience, exp: seconds() + 300, ...main, sub: 'root' };
      return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    };
    const without = (claim: string, more: JWTPayload = {}): Promise<string> =>
      github.sign({ ...main, ...more, [claim]: undefined });
    const cases: readonly (readonly [what: string, token: () => string | Promise<string>])[] = [
      ['a token whose claims were changed', tampered],
      ['a token without its signature', async () => (await github.sign(main)).replace(/[^.]*$/, '')],
      ['a token of a stranger', () => github.sign(main, { key: stranger.privateKey })],
      [
        'a token of another issuer under the name of this one',
        () => gitlab.sign({ ...main, iss: github.url }),
      ],
      [
        'the algorithm none',
        () => new UnsecuredJWT({ iss: github.url, aud: audience, exp: seconds() + 300, ...main }).encode(),
      ],
      [
        'a public key taken for a secret',
        () => github.sign(main, { key: secret(), header: { alg: 'HS256' } }),
      ],
      ['an algorithm that is not the one of the key', () => github.sign(main, { header: { alg: 'PS256' } })],
      [
        'a key of its own (jwk)',
        async () =>
          github.sign(main, {
            key: stranger.privateKey,
            header: { jwk: { ...(await exportJWK(stranger.publicKey)), kid: github.kid } },
          }),
      ],
      [
        'a URL of keys (jku)',
        () =>
          github.sign(main, {
            key: stranger.privateKey,
            header: { jku: `${gitlab.url}/keys`, kid: gitlab.kid },
          }),
      ],
      [
        'a URL of certificates (x5u) and certificates (x5c)',
        () => github.sign(main, { key: stranger.privateKey, header: { x5u: gitlab.url, x5c: ['AAAA'] } }),
      ],
      ...['../../../dev/null', "' or 1=1 --", '', '__proto__', 'KEY-1', 'key-1\u0000'].map(
        (kid) =>
          [`the key name ${JSON.stringify(kid)}`, () => github.sign(main, { header: { kid } })] as const,
      ),
      ['a critical header that nobody knows', () => github.sign(main, { header: { crit: ['x'], x: 1 } })],
      ['a token for somebody else', () => github.sign({ ...main, aud: 'https://github.com/acme' })],
      [
        'a token for a registry whose name is longer',
        () => github.sign({ ...main, aud: `${audience}.evil` }),
      ],
      ['no audience', () => without('aud')],
      ['no end', () => without('exp')],
      ['a token that has expired', () => github.sign({ ...main, exp: seconds() - 120 })],
      ['a token that is not valid yet', () => github.sign({ ...main, nbf: seconds() + 3600 })],
      ['a token of the future', () => without('nbf', { iat: seconds() + 3600 })],
      ['a token of nobody', () => without('sub')],
      ['a token of an empty name', () => github.sign({ ...main, sub: '' })],
      ['a token of a name without end', () => github.sign({ ...main, sub: 'x'.repeat(600) })],
      [
        'a token with groups without end',
        () => github.sign({ ...main, groups: Array.from({ length: 501 }, (_, n) => String(n)) }),
      ],
      ['a token of an issuer that is not known', () => github.sign({ ...main, iss: `${github.url}/` })],
      ['a token without an issuer', () => without('iss')],
      ['nonsense', () => 'e30.e30.AAAA'],
    ];
    for (const [what, token] of cases) {
      it(what, async () => {
        const value = await token();
        for (const headers of [as('x', value), bearer(value)]) {
          const answer = await push(registry, 'acme/app', headers);
          expectError(answer, 401, 'UNAUTHORIZED');
          expect(answer.headers['www-authenticate']).to.equal(challenge);
        }
      });
    }

    it('tokens that are longer than a header may be', async () => {
      expect((await registry.get('/v2/', bearer('a'.repeat(100_000)))).status).to.equal(431);
    });

    it('without asking anybody but the issuers for keys', () => {
      const paths = new Set([...github.asked, ...gitlab.asked]);
      expect([...paths].sort()).to.deep.equal(['/.well-known/openid-configuration', '/keys']);
      expect(cluster.asked).to.deep.equal(['/keys']);
    });
  });
});

onEachStorage('A registry whose issuer of tokens', (serve) => {
  let issuer: OidcIssuer;
  beforeEach(async () => {
    issuer = await OidcIssuer.start();
  });
  afterEach(() => issuer.close());
  const serving = (): Promise<ServedRegistry> =>
    serve({}, authOidc({ issuers: [{ name: 'github', issuer: issuer.url, audience }] }));

  it('is down answers with 503, and not with 401', async () => {
    issuer.isDown = true;
    const registry = await serving();
    const token = await issuer.sign(main);
    for (const headers of [as('x', token), bearer(token)]) {
      const answer = await registry.get('/v2/', headers);
      expectError(answer, 503, 'UNAVAILABLE');
      expect(answer.headers).to.include({ 'retry-after': '10' });
      expect(answer.headers).to.not.have.property('www-authenticate');
    }
    expectError(await registry.get('/v2/', as('x', 'password')), 401, 'UNAUTHORIZED');
  });

  it('goes down goes on with the keys that it knows', async () => {
    const registry = await serving();
    issuer.isDown = true;
    expectStatus(await registry.get('/v2/', bearer(await issuer.sign(main))), 200);
  });

  for (const [what, discovery] of [
    ['speaks for another', { issuer: 'https://other.example.com' }],
    ['has no keys', { jwks_uri: undefined }],
    ['has its keys where anybody could change them', { jwks_uri: 'http://keys.example.com/' }],
  ] as const) {
    it(`${what} is as good as down`, async () => {
      issuer.discovery = discovery;
      const registry = await serving();
      expectError(await registry.get('/v2/', bearer(await issuer.sign(main))), 503, 'UNAVAILABLE');
      expect(issuer.asked).to.not.include('/keys');
    });
  }
});

onEachStorage('A registry that is its own token server for CI jobs', (serve) => {
  let issuer: OidcIssuer;
  let registry: ServedRegistry;
  before(async () => {
    issuer = await OidcIssuer.start();
    registry = await serve(
      {},
      authOidc({ issuers: [{ name: 'github', issuer: issuer.url, audience }], username: 'github' }),
      rules,
      tokenIssuer({ url: 'https://registry.example.com' }),
    );
  });
  after(() => issuer.close());

  it('gives a job one of its own tokens, which does what the claims allow', async () => {
    const scope = '/token?service=registry&scope=repository:acme/app:pull,push&scope=repository:other:pull';
    const answer = expectStatus(await registry.get(scope, as('github', await issuer.sign(main))), 200);
    const token = String(jsonOf(answer)['token']);
    expectStatus(await push(registry, 'acme/app', bearer(token)), 201);
    expectError(await push(registry, 'other', bearer(token)), 401, 'UNAUTHORIZED');
  });

  it('takes the tokens of jobs themselves, as Bearer tokens, beside its own', async () => {
    expectStatus(await push(registry, 'acme/app', bearer(await issuer.sign(main))), 201);
  });

  it('takes them as the password of the configured name alone', async () => {
    const token = await issuer.sign(main);
    expectStatus(await registry.get('/token', as('github', token)), 200);
    expectStatus(await registry.get('/token', as('alice', token)), 401);
  });

  it('refuses a bad one at /token', async () => {
    const old: JWTPayload = { ...main, exp: seconds() - 3600 };
    expectStatus(await registry.get('/token', as('github', await issuer.sign(old))), 401);
  });
});

describe('The configuration of issuers', () => {
  const valid = { name: 'ci', issuer: 'https://ci.example.com', audience };
  for (const [what, issuers, message] of [
    ['plain HTTP', [{ ...valid, issuer: 'http://ci.example.com' }], 'is to be an https:// URL'],
    [
      'plain HTTP for keys',
      [{ ...valid, jwksUrl: 'http://127.0.0.1.example.com/' }],
      'is to be an https:// URL',
    ],
    ['no URL where keys are to be found', [{ ...valid, issuer: 'kubernetes' }], 'is to be an https:// URL'],
    ['an issuer twice', [valid, { ...valid, name: 'other' }], 'issuers[1]: another one has the same'],
    ['a name twice', [valid, { ...valid, issuer: 'https://b.example.com' }], 'issuers[1]: another one has'],
  ] as const) {
    it(`is refused with ${what}`, async () => {
      const plugins = [storageMemory(), authOidc({ issuers })];
      const failure: unknown = await createRegistry({ log: { level: 'silent' }, plugins }).catch(
        (error: unknown) => error,
      );
      expect(String(failure)).to.include(message);
    });
  }
});
