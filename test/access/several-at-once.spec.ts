import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import authHtpasswd from '@entrepot/auth-htpasswd';
import authOidc from '@entrepot/auth-oidc';
import { RegistryError, type Plugin } from '@entrepot/plugin-sdk';
import { Logins, withBasicChallenge } from '@entrepot/plugin-sdk/access';
import { expectError } from '../oci/answers.ts';
import { onEachStorage, plugin, type ServedRegistry } from '../oci/served-registry.ts';
import { githubJob, OidcIssuer } from './oidc-issuer.ts';

/** admin: wonderland; the cost is 4, so that a test does not wait. */
const file = 'admin:$2b$04$r2OojEQMGCbaq/f9N2C6hewkOHC1AmCzYvs9GHcYF8ZVXYHFikBxa\n';
const basic = (credentials: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
});

/** Knows carol, whose password is `directory`, as a directory does: checked elsewhere, which may be down. */
class FakeDirectory {
  readonly asked: string[] = [];
  isDown = false;

  get plugin(): Plugin {
    const logins = new Logins({
      check: {
        identify: async ({ username, password }) => {
          this.asked.push(username);
          if (this.isDown) throw new RegistryError('UNAVAILABLE', 'the directory cannot be asked; try again');
          return username === 'carol' && password === 'directory'
            ? { subject: 'carol', groups: ['dev'] }
            : undefined;
        },
      },
      limits: { cacheSeconds: 0, guessesPerAccount: 3, guessesPerAddress: 100, guessWindowSeconds: 900 },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    return plugin('auth-directory', (hooks, name) => {
      hooks.authenticate.tapPromise(name, async ({ basic: credentials, address, requestId }) =>
        credentials === undefined ? undefined : logins.identify({ basic: credentials, address, requestId }),
      );
      hooks.challenge.tap(name, (challenges) => withBasicChallenge(challenges, 'directory'));
    });
  }
}

onEachStorage('A registry with an issuer, an htpasswd file and a directory', (serve) => {
  let folder: string;
  let issuer: OidcIssuer;
  let directory: FakeDirectory;
  let registry: ServedRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-several-'));
    await writeFile(join(folder, 'htpasswd'), file);
    issuer = await OidcIssuer.start();
    directory = new FakeDirectory();
    registry = await serve(
      {},
      authOidc({ issuers: [{ name: 'github', issuer: issuer.url, audience: 'registry.example.com' }] }),
      authHtpasswd({ file: join(folder, 'htpasswd'), passUnknown: true }),
      directory.plugin,
      accessRules({
        rules: [
          { who: ['everyone'], repositories: ['public/**'], allow: ['pull'] },
          { who: ['user:admin', 'group:dev', 'user:github:*'], allow: ['pull'] },
        ],
      }),
    );
  });
  after(async () => {
    await issuer.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    directory.asked.length = 0;
    directory.isDown = false;
  });

  /** The status of a look at something that only who is known may see; 404 is a yes, as there is nothing. */
  const look = async (headers: Record<string, string>, repository = 'team/app'): Promise<number> =>
    (await registry.get(`/v2/${repository}/tags/list`, headers)).status;

  it('knows whom each of them knows, and asks no other', async () => {
    const token = await issuer.sign(githubJob('acme/app', 'refs/heads/main'));
    expect(await look(basic(`ci:${token}`))).to.equal(404);
    expect(await look({ authorization: `Bearer ${token}` })).to.equal(404);
    expect(await look(basic('admin:wonderland'))).to.equal(404);
    expect(directory.asked).to.deep.equal([]);
    expect(await look(basic('carol:directory'))).to.equal(404);
    expect(directory.asked).to.deep.equal(['carol']);
  });

  it('has one list of challenges, with each kind once', async () => {
    const answer = await registry.get('/v2/');
    expectError(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).to.equal('Basic realm="registry", charset="UTF-8"');
  });

  it('takes nobody for a stranger who has shown something wrong, where everybody may pull', async () => {
    const old = await issuer.sign({ ...githubJob('acme/app', 'refs/heads/main'), exp: 1 });
    const foreign = await issuer.sign({
      ...githubJob('acme/app', 'refs/heads/main'),
      iss: 'https://other.example.com',
    });
    expect(await look({}, 'public/app')).to.equal(404);
    for (const headers of [
      basic('admin:wrong'),
      basic('admin:directory'),
      basic('carol:wonderland'),
      basic('nobody:x'),
      basic(`ci:${old}`),
      basic(`ci:${foreign}`),
      { authorization: `Bearer ${old}` },
      { authorization: `Bearer ${foreign}` },
      { authorization: 'Bearer x' },
    ]) {
      expect(await look(headers, 'public/app')).to.equal(401);
      expect(await look(headers)).to.equal(401);
    }
  });

  it('asks nobody else once one has found its own credentials to be wrong', async () => {
    const old = await issuer.sign({ ...githubJob('acme/app', 'refs/heads/main'), exp: 1 });
    for (const headers of [basic('admin:wrong'), basic(`ci:${old}`)])
      expect(await look(headers)).to.equal(401);
    expect(directory.asked).to.deep.equal([]);
  });

  it('answers 503 to those whom the one that is down may know, and goes on for the others', async () => {
    directory.isDown = true;
    expect(await look(basic('carol:directory'))).to.equal(503);
    expect(await look(basic('admin:wonderland'))).to.equal(404);
    expect(await look(basic('admin:wrong'))).to.equal(401);
    expect(await look({}, 'public/app')).to.equal(404);
  });

  it('stops guesses where they are made, and leaves the others alone', async () => {
    const statuses = [];
    for (const guess of ['1', '2', '3', '4']) statuses.push(await look(basic(`dave:${guess}`)));
    expect(statuses).to.deep.equal([401, 401, 401, 429]);
    expect(await look(basic('admin:wonderland'))).to.equal(404);
    expect(await look(basic('carol:directory'))).to.equal(404);
  });
});
