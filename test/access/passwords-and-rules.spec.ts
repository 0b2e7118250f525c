import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import authHtpasswd from '@entrepot/auth-htpasswd';
import { RegistryError } from '@entrepot/plugin-sdk';
import { expectError, namesOf, nextPageOf } from '../oci/answers.ts';
import { bareManifest, digestOf } from '../oci/content.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';
import type { Answer } from '../oci/http-client.ts';

/** alice: wonderland, bob: builder; the cost is 4, so that a test does not wait. */
const users = `alice:$2b$04$r2OojEQMGCbaq/f9N2C6hewkOHC1AmCzYvs9GHcYF8ZVXYHFikBxa
bob:$2y$04$yq5H0oHHjurdf4FK2Rka6ubB/NG1Ybh30rYw6orDu7abX2DtrkRTe
`;
const as = (credentials: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
});
const alice = as('alice:wonderland');
const bob = as('bob:builder');

onEachStorage('A registry with an htpasswd file and rules', (serve) => {
  let folder: string;
  let registry: ServedRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-access-'));
    const file = join(folder, 'htpasswd');
    await writeFile(file, users);
    registry = await serve(
      {},
      authHtpasswd({ file, realm: 'acme' }),
      accessRules({
        rules: [
          { who: ['user:alice'], allow: ['*'] },
          { who: ['known'], repositories: ['home/${user}/**'], allow: ['pull', 'push', 'create'] },
          { who: ['known'], repositories: ['frozen/**'], allow: ['pull'] },
          { who: ['known'], repositories: ['frozen/**'], deny: ['push'], reason: 'frozen since May' },
          { who: ['known'], repositories: ['shared/**'], allow: ['pull', 'push'] },
          { who: ['known'], allow: ['catalog'] },
          { who: ['everyone'], repositories: ['public/**'], allow: ['pull'] },
        ],
      }),
    );
    for (const name of [
      'a',
      'home/alice/x',
      'home/bob/x',
      'public/app',
      'public/base',
      'secret/app',
      'shared/x',
    ]) {
      await push(name);
    }
  });
  after(() => rm(folder, { recursive: true }));

  async function push(repository: string): Promise<void> {
    const manifest = bareManifest(repository);
    const headers = { ...alice, 'content-type': manifest.mediaType };
    expectStatus(
      await registry.put(`/v2/${repository}/manifests/v1`, { headers, body: manifest.bytes }),
      201,
    );
  }
  const pull = (repository: string, headers: Record<string, string> = {}): Promise<Answer> =>
    registry.get(`/v2/${repository}/manifests/v1`, headers);

  it('lets everybody pull what is public, and challenges them elsewhere', async () => {
    expectStatus(await pull('public/app'), 200);
    const answer = await pull('secret/app');
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal('Basic realm="acme", charset="UTF-8"');
  });

  it('challenges on GET /v2/, so that clients know where to log in', async () => {
    expectError(await registry.get('/v2/'), 401, 'UNAUTHORIZED');
    expectStatus(await registry.get('/v2/', bob), 200);
  });

  it('takes neither name nor password, which podman sends without a login, for nobody', async () => {
    expectStatus(await pull('public/app', as(':')), 200);
    expectError(await pull('secret/app', as(':')), 401, 'UNAUTHORIZED');
  });

  it('never takes who has a wrong password for a stranger, and does not say what was wrong', async () => {
    const answers = [];
    for (const headers of [as('alice:wrong'), as('nobody:wonderland'), { authorization: 'Bearer x' }]) {
      const answer = await pull('public/app', headers);
      expectError(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).to.equal('Basic realm="acme", charset="UTF-8"');
      answers.push(answer.body.toString());
    }
    expect(answers[0]).to.equal(answers[1]);
  });

  it('tells who is known which rule denies it, and why', async () => {
    const answer = await registry.post('/v2/frozen/app/blobs/uploads/', { headers: bob });
    expectError(answer, 403, 'DENIED');
    expect(answer.body.toString()).to.include(
      'bob may not push to frozen/app: rule 4 denies it: frozen since May',
    );
    expectError(await registry.post('/v2/frozen/app/blobs/uploads/'), 401, 'UNAUTHORIZED');
    const deletion = await registry.ask('DELETE', '/v2/home/bob/x/manifests/v1', { headers: bob });
    expectError(deletion, 403, 'DENIED');
    expect(deletion.body.toString()).to.include('no rule allows it');
  });

  it('gives each user a place of their own', async () => {
    expectStatus(await pull('home/bob/x', bob), 200);
    expectStatus(await registry.post('/v2/home/bob/new/blobs/uploads/', { headers: bob }), 202);
    expectError(await pull('home/alice/x', bob), 403, 'DENIED');
  });

  it('lets push where there is something, and create elsewhere only who may', async () => {
    const begin = (repository: string): Promise<Answer> =>
      registry.post(`/v2/${repository}/blobs/uploads/`, { headers: bob });
    expectStatus(await begin('shared/x'), 202);
    const answer = await begin('shared/new');
    expectError(answer, 403, 'DENIED');
    expect(answer.body.toString()).to.include('bob may not create shared/new');
    expectStatus(await registry.post('/v2/shared/new/blobs/uploads/', { headers: alice }), 202);
  });

  it('shows in the catalog what the caller may pull, in full pages that tell nothing of the rest', async () => {
    const list = async (path: string, headers: Record<string, string>): Promise<Answer> =>
      expectStatus(await registry.get(path, headers), 200);
    expectError(await registry.get('/v2/_catalog'), 401, 'UNAUTHORIZED');
    expect(namesOf(await list('/v2/_catalog', alice), 'repositories')).to.have.lengthOf(7);
    const first = await list('/v2/_catalog?n=2', bob);
    expect(namesOf(first, 'repositories')).to.deep.equal(['home/bob/x', 'public/app']);
    const next = nextPageOf(first) ?? '';
    expect(next).to.include('last=public');
    const second = await list(next, bob);
    expect(namesOf(second, 'repositories')).to.deep.equal(['public/base', 'shared/x']);
    expect(second.headers).to.not.have.property('link');
    const whole = await list('/v2/_catalog?n=4', bob);
    expect(namesOf(whole, 'repositories')).to.have.lengthOf(4);
    expect(whole.headers).to.not.have.property('link');
    expect(namesOf(await list('/v2/_catalog?n=0', bob), 'repositories')).to.deep.equal([]);
  });

  it('mounts only what the caller may pull; else it begins an upload, whatever is the matter', async () => {
    const bytes = Buffer.from('a layer');
    for (const name of ['public/app', 'secret/app']) {
      const upload = await registry.post(`/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`, {
        headers: { ...alice, 'content-type': 'application/octet-stream' },
        body: bytes,
      });
      expectStatus(upload, 201);
    }
    const mount = async (from: string): Promise<number> => {
      const target = `/v2/home/bob/mounts/blobs/uploads/?mount=${digestOf(bytes)}${from}`;
      return (await registry.post(target, { headers: bob })).status;
    };
    expect(await mount('&from=secret/app')).to.equal(202);
    expect(await mount('&from=absent/app')).to.equal(202);
    expect(await mount('&from=NOT%20A%20NAME')).to.equal(202);
    expect(await mount('')).to.equal(202);
    expect(await mount('&from=public/app')).to.equal(201);
    const blob = (name: string): Promise<Answer> => registry.get(`/v2/${name}/blobs/${digestOf(bytes)}`, bob);
    expectStatus(await blob('home/bob/mounts'), 200);
    expectError(await blob('home/bob/other'), 404, 'BLOB_UNKNOWN');
    expectError(await blob('secret/app'), 403, 'DENIED');
  });

  it('answers odd credentials with a challenge, and never fails over them', async () => {
    const long = 'x'.repeat(6000);
    for (const credentials of [
      `alice:${long}`,
      `${long}:x`,
      'alice:won\0derland',
      '\0:\0',
      'alíce:wönder',
      ':x',
    ]) {
      expectError(await registry.get('/v2/', as(credentials)), 401, 'UNAUTHORIZED');
    }
    for (const authorization of [
      'Basic \\\\',
      'Basic ====',
      'Basic OnggOng=',
      'basic',
      'Bearer ..',
      'Negotiate x',
    ]) {
      expectError(await registry.get('/v2/', { authorization }), 401, 'UNAUTHORIZED');
    }
  });
});

onEachStorage('A registry with several that know people', (serve) => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-access-'));
    file = join(folder, 'htpasswd');
    await writeFile(file, users);
  });
  after(() => rm(folder, { recursive: true }));

  it('asks them in the order of the configuration, and gives one list of challenges', async () => {
    const robots = plugin('auth-robots', (hooks, name) => {
      hooks.authenticate.tap(name, ({ basic, bearer }) =>
        basic?.username.startsWith('robot-') === true || bearer === 'robot'
          ? { subject: 'robot' }
          : undefined,
      );
      hooks.challenge.tap(name, (challenges) => [...challenges, 'Bearer realm="robots"']);
    });
    const registry = await serve({}, robots, authHtpasswd({ file }));
    for (const headers of [alice, as('robot-7:x'), { authorization: 'Bearer robot' }]) {
      expectStatus(await registry.get('/v2/', headers), 200);
    }
    const answer = await registry.get('/v2/', as('alice:wrong'));
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal(
      'Bearer realm="robots", Basic realm="registry", charset="UTF-8"',
    );
  });

  it('is unavailable, and does not say that the password is wrong, when one of them is down', async () => {
    const down = plugin('auth-directory', (hooks, name) =>
      hooks.authenticate.tap(name, ({ basic }) => {
        if (basic === undefined) return undefined;
        throw new RegistryError('UNAVAILABLE', 'the directory does not answer', {
          headers: { 'retry-after': '5' },
        });
      }),
    );
    const registry = await serve({}, down, authHtpasswd({ file }));
    const answer = await registry.get('/v2/', alice);
    expectError(answer, 503, 'UNAVAILABLE');
    expect(answer.headers).to.include({ 'retry-after': '5' });
    expect(answer.headers).to.not.have.property('www-authenticate');
  });

  it('stops guessing with 429 and Retry-After, for one account and one address; who is known goes on', async () => {
    const registry = await serve({}, authHtpasswd({ file, guessesPerAccount: 2, guessesPerAddress: 4 }));
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await registry.get('/v2/', headers)).status;
    expect(await statusOf(bob)).to.equal(200);
    const guesses = [];
    for (const guess of ['1', '2', '3']) guesses.push(await statusOf(as(`alice:${guess}`)));
    expect(guesses).to.deep.equal([401, 401, 429]);
    const answer = await registry.get('/v2/', alice);
    expectError(answer, 429, 'TOOMANYREQUESTS');
    expect(Number(answer.headers['retry-after'])).to.be.within(1, 900);
    expect(await statusOf(as('x:1'))).to.equal(401);
    expect(await statusOf(as('y:1'))).to.equal(401);
    expect(await statusOf(as('z:1'))).to.equal(429);
    expect(await statusOf(bob)).to.equal(200);
  });

  it('begins with a clear word, or not at all, when the file has hashes that are none', async () => {
    const other = join(folder, 'old');
    await writeFile(other, 'alice:$apr1$x$y\n');
    const failure: unknown = await serve({}, authHtpasswd({ file: other })).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(String(failure)).to.match(
      /auth-htpasswd could not be started: .*line 1: .*Apache MD5.*htpasswd add/,
    );
  });
});
