import { expect } from 'chai';
import { RegistryError, type Access, type AuthRequest, type AuthorizeRequest } from '@entrepot/plugin-sdk';
import { expectEmpty, expectError } from './answers.ts';
import { bareManifest, digestOf } from './content.ts';
import { expectStatus, pushManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

const digest = digestOf('');
const upload = '/v2/library/app/blobs/uploads/0199ffff-0000-7000-8000-000000000000';
const basic = (credentials: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
});

/** Knows alice by her password, and robots by a token. */
const passwords = plugin('auth-passwords', (hooks, name) => {
  hooks.authenticate.tapPromise(name, async (request) => {
    if (request.bearer !== undefined) {
      return request.bearer === 'robot-token' ? { subject: 'robot' } : undefined;
    }
    if (request.basic === undefined) return undefined;
    const { username, password } = request.basic;
    if (password !== `${username}'s: secret`) throw new RegistryError('UNAUTHORIZED', 'wrong password');
    return { subject: username };
  });
  hooks.challenge.tap(name, (challenges) => [...challenges, 'Basic realm="registry"']);
});

onEachStorage('A registry that asks who is there', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve({}, passwords);
  });
  const alice = basic("alice:alice's: secret");

  it('lets in who is known, for anything', async () => {
    for (const headers of [
      alice,
      { authorization: 'Bearer robot-token' },
      { authorization: 'bEaReR  robot-token ' },
    ]) {
      expectStatus(await registry.get('/v2/', headers), 200);
      expectStatus(await registry.post('/v2/library/app/blobs/uploads/', { headers }), 202);
      expectError(await registry.get('/v2/library/app/manifests/v1', headers), 404, 'MANIFEST_UNKNOWN');
    }
  });

  it('challenges who is not, on every endpoint', async () => {
    const requests = [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['GET', '/v2/library/app/tags/list'],
      ['GET', '/v2/library/app/manifests/v1'],
      ['PUT', '/v2/library/app/manifests/v1'],
      ['DELETE', '/v2/library/app/manifests/v1'],
      ['GET', `/v2/library/app/blobs/${digest}`],
      ['DELETE', `/v2/library/app/blobs/${digest}`],
      ['POST', '/v2/library/app/blobs/uploads/'],
      ['GET', upload],
      ['PATCH', upload],
      ['PUT', `${upload}?digest=${digest}`],
      ['DELETE', upload],
      ['GET', `/v2/library/app/referrers/${digest}`],
    ] as const;
    for (const [method, path] of requests) {
      const answer = await registry.ask(method, path);
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).to.equal('Basic realm="registry"');
    }
    expectEmpty(await registry.head('/v2/library/app/manifests/v1'), 401);
  });

  it('challenges who has the wrong password, and says no more than that', async () => {
    const answer = await registry.get('/v2/', basic('alice:wrong'));
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal('Basic realm="registry"');
  });

  it('takes credentials it cannot read for none', async () => {
    const odd = [
      '',
      'Basic',
      'Basic ',
      'Basic !!!',
      'Basic YWxpY2U=',
      'Bearer',
      'Bearer ',
      'Digest a="b"',
      'x',
    ];
    for (const authorization of odd) {
      expectError(await registry.get('/v2/', { authorization }), 401, 'UNAUTHORIZED');
    }
  });

  it('says of paths and methods that are none what they are, to everybody', async () => {
    expectError(await registry.get('/v2/nothing'), 404, 'UNSUPPORTED');
    expectError(await registry.post('/v2/library/app/tags/list'), 405, 'UNSUPPORTED');
    expectError(await registry.get('/v2/APP/tags/list'), 400, 'NAME_INVALID');
  });
});

onEachStorage('A registry that asks who may do what', (serve) => {
  const asked: AuthorizeRequest[] = [];
  const told: AuthRequest[] = [];
  let opinion: (request: AuthorizeRequest) => boolean | undefined;
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve(
      { http: { trustedProxies: ['127.0.0.1'] } },
      passwords,
      plugin('rules', (hooks, name) => {
        hooks.authenticate.tap(name, (request) => {
          told.push(request);
          return undefined;
        });
        hooks.authorize.tap(name, (request) => {
          asked.push(request);
          return opinion(request);
        });
        hooks.challenge.tap(name, (challenges, access) => [
          ...challenges,
          `Bearer realm="r",scope="${access.map((each) => `${each.type}:${each.name}:${each.action}`).join(' ')}"`,
        ]);
      }),
    );
  });
  beforeEach(() => {
    asked.length = 0;
    told.length = 0;
    opinion = () => true;
  });
  const alice = basic("alice:alice's: secret");
  const on = (name: string, ...actions: readonly Access['action'][]): Access[] =>
    actions.map((action) => ({ type: 'repository', name, action }));

  it('asks for what each endpoint needs', async () => {
    const name = 'library/app';
    const needs: readonly [method: string, path: string, access: readonly Access[]][] = [
      ['GET', `/v2/${name}/tags/list`, on(name, 'pull')],
      ['HEAD', `/v2/${name}/manifests/v1`, on(name, 'pull')],
      ['GET', `/v2/${name}/blobs/${digest}`, on(name, 'pull')],
      ['GET', `/v2/${name}/referrers/${digest}`, on(name, 'pull')],
      ['PUT', `/v2/${name}/manifests/v1`, on(name, 'pull', 'push')],
      ['POST', `/v2/${name}/blobs/uploads/`, on(name, 'pull', 'push')],
      ['GET', upload, on(name, 'pull', 'push')],
      ['PATCH', upload, on(name, 'pull', 'push')],
      ['PUT', `${upload}?digest=${digest}`, on(name, 'pull', 'push')],
      ['DELETE', upload, on(name, 'pull', 'push')],
      ['DELETE', `/v2/${name}/manifests/v1`, on(name, 'delete')],
      ['DELETE', `/v2/${name}/blobs/${digest}`, on(name, 'delete')],
      ['GET', '/v2/_catalog', [{ type: 'registry', name: 'catalog', action: '*' }]],
    ];
    for (const [method, path, access] of needs) {
      asked.length = 0;
      await registry.ask(method, path, { headers: alice });
      expect(asked, `${method} ${path}`).to.have.lengthOf(1);
      expect(asked[0]?.access).to.deep.equal(access);
      expect(asked[0]?.identity).to.deep.equal({ subject: 'alice' });
      expect(asked[0]?.address).to.match(/127\.0\.0\.1$/);
    }
  });

  it('needs no right for GET /v2/, but somebody who is known', async () => {
    opinion = () => false;
    expectStatus(await registry.get('/v2/', alice), 200);
    expectError(await registry.get('/v2/'), 401, 'UNAUTHORIZED');
    expect(asked).to.deep.equal([]);
  });

  it('asks for the source of a mount as well', async () => {
    const target = '/v2/library/app/blobs/uploads/';
    expectStatus(await registry.post(`${target}?mount=${digest}&from=library/base`, { headers: alice }), 202);
    expect(asked.map(({ access }) => access)).to.deep.equal([
      on('library/app', 'pull', 'push'),
      on('library/base', 'pull'),
    ]);
  });

  it('challenges the unknown with what they would need, in one list', async () => {
    opinion = () => false;
    const answer = await registry.get('/v2/library/app/manifests/v1');
    const details = expectError(answer, 401, 'UNAUTHORIZED');
    expect(details).to.deep.equal(on('library/app', 'pull'));
    expect(answer.headers['www-authenticate']).to.equal(
      'Basic realm="registry", Bearer realm="r",scope="repository:library/app:pull"',
    );
  });

  it('denies the known, and challenges them no more', async () => {
    for (const no of [false, undefined]) {
      opinion = () => no;
      const answer = await registry.get('/v2/library/app/manifests/v1', alice);
      expect(expectError(answer, 403, 'DENIED')).to.deep.equal(on('library/app', 'pull'));
      expect(answer.headers).to.not.have.property('www-authenticate');
      expectEmpty(await registry.head('/v2/library/app/manifests/v1', alice), 403);
    }
  });

  it('lets the unknown do what the rules allow them', async () => {
    opinion = ({ identity, access }) =>
      identity !== undefined || access.every(({ action }) => action === 'pull');
    expectError(await registry.get('/v2/library/app/manifests/v1'), 404, 'MANIFEST_UNKNOWN');
    expectError(await registry.post('/v2/library/app/blobs/uploads/'), 401, 'UNAUTHORIZED');
    expectStatus(await registry.post('/v2/library/app/blobs/uploads/', { headers: alice }), 202);
  });

  it('answers for what is there and what is not alike to who may not see it', async () => {
    opinion = ({ identity }) => identity?.subject === 'alice';
    const manifest = bareManifest('hidden');
    const put = await registry.put('/v2/library/hidden/manifests/v1', {
      headers: { ...alice, 'content-type': manifest.mediaType },
      body: manifest.bytes,
    });
    expectStatus(put, 201);
    const robot = { authorization: 'Bearer robot-token' };
    for (const tag of ['v1', 'v2']) {
      const answer = await registry.get(`/v2/library/hidden/manifests/${tag}`, robot);
      expectError(answer, 403, 'DENIED');
    }
  });

  it('passes the refusal of a rule on, with its reason', async () => {
    opinion = () => {
      throw new RegistryError('DENIED', 'not on Fridays');
    };
    const answer = await registry.get('/v2/library/app/manifests/v1', alice);
    expectError(answer, 403, 'DENIED');
    expect(answer.body.toString()).to.include('not on Fridays');
  });

  it('fails closed when a rule fails', async () => {
    opinion = () => {
      throw new Error('the rules are in /secret/rules');
    };
    const answer = await registry.get('/v2/library/app/manifests/v1', alice);
    expectError(answer, 500, 'UNKNOWN');
    expect(answer.body.toString()).to.not.include('secret');
  });

  it('shows taps no more of a request than they need', async () => {
    await registry.get('/v2/library/app/manifests/v1', {
      cookie: 'a=b',
      'x-request-id': 'known',
      'x-forwarded-for': '203.0.113.7',
    });
    const [request] = told;
    expect(request).to.include({ requestId: 'known', method: 'GET', address: '203.0.113.7' });
    expect(asked.at(-1)).to.include({ address: '203.0.113.7' });
    expect(request).to.have.all.keys('requestId', 'method', 'address', 'access');
  });

  it('says that too many have asked, and when to come back', async () => {
    const limited = await serve(
      {},
      plugin('limit', (hooks, name) =>
        hooks.authenticate.tap(name, () => {
          throw new RegistryError('TOOMANYREQUESTS', 'slow down', { headers: { 'retry-after': '7' } });
        }),
      ),
    );
    const answer = await limited.get('/v2/');
    expectError(answer, 429, 'TOOMANYREQUESTS');
    expect(answer.headers['retry-after']).to.equal('7');
  });
});

onEachStorage('A registry that asks nobody', (serve) => {
  it('takes no notice of credentials', async () => {
    const registry = await serve();
    await pushManifest(registry, 'library/app', bareManifest('open'), 'v1');
    for (const authorization of ['Basic !!!', 'Bearer x', 'nonsense']) {
      expectStatus(await registry.get('/v2/library/app/manifests/v1', { authorization }), 200);
    }
  });
});
