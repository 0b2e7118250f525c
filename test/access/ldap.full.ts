import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import authHtpasswd from '@entrepot/auth-htpasswd';
import authLdap from '@entrepot/auth-ldap';
import authOidc from '@entrepot/auth-oidc';
import { createRegistry, type Registry } from '@entrepot/core';
import type { Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import type { Slapd } from '../servers/slapd.ts';
import { plugin } from '../oci/served-registry.ts';
import { passwords, readerPassword, startCompanyDirectory } from './company-directory.ts';
import { githubJob, OidcIssuer } from './oidc-issuer.ts';

type Options = Parameters<typeof authLdap>[0];

const people = 'ou=people,dc=example,dc=com';
const searching = {
  bindDn: 'cn=registry,ou=accounts,dc=example,dc=com',
  bindPassword: readerPassword,
  userBase: people,
  groupBase: 'ou=groups,dc=example,dc=com',
};
const templated = { userDn: `uid={user},${people}`, groupBase: searching.groupBase };

describe('A registry with OpenLDAP', () => {
  let directory: Slapd;
  let folder: string;
  const registries: Registry[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-ldap-'));
    directory = await startCompanyDirectory();
  });
  after(async () => {
    await Promise.all(registries.map((registry) => registry.stop()));
    await directory.stop();
    await rm(folder, { recursive: true });
  });

  /** Asks a registry with this directory who somebody is: `name: groups`, or the status of the refusal. */
  async function asker(
    options: Options,
    ...before: readonly Plugin[]
  ): Promise<(name: string, password: string) => Promise<string>> {
    let seen = '';
    const mirror = plugin('mirror', (hooks, name) =>
      hooks.authorize.tap(name, ({ identity }) => {
        seen = `${identity?.subject ?? 'nobody'}: ${[...(identity?.groups ?? [])].sort().join()}`;
        return true;
      }),
    );
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [
        storageMemory(),
        ...before,
        authLdap({ cacheSeconds: 0, guessesPerAccount: 0, ...options }),
        mirror,
      ],
    });
    registries.push(registry);
    const { url } = await registry.start();
    return async (name, password) => {
      const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
      const answer = await fetch(`${url}/v2/team/app/tags/list`, { headers: { authorization } });
      await answer.body?.cancel();
      return answer.status === 404 ? seen : String(answer.status);
    };
  }

  const ways: readonly (readonly [what: string, options: () => Options])[] = [
    ['looks for users, in the clear', () => ({ url: directory.url, ...searching })],
    [
      'looks for users, by ldaps',
      () => ({ url: directory.secureUrl, caFile: directory.caFile, ...searching }),
    ],
    [
      'looks for users, by StartTLS',
      () => ({ url: directory.url, startTls: true, caFile: directory.caFile, ...searching }),
    ],
    [
      'takes the groups from memberOf',
      () => ({ url: directory.secureUrl, caFile: directory.caFile, ...searching, memberOf: true }),
    ],
    [
      'builds the names of entries',
      () => ({ url: directory.url, startTls: true, caFile: directory.caFile, ...templated }),
    ],
  ];
  for (const [what, options] of ways) {
    it(`knows people and their groups when it ${what}`, async () => {
      const ask = await asker(options());
      expect(await ask('alice', passwords.alice)).to.equal('alice: developers');
      expect(await ask('bob', passwords.bob)).to.equal('bob: ');
      expect(await ask('olga', passwords.olga)).to.equal('olga: operators');
      expect(await ask('zoë', passwords.zoë)).to.equal('zoë: developers');
      expect(await ask('ALICE', passwords.alice)).to.equal('alice: developers');
      for (const [name, password] of [
        ['alice', 'wrong'],
        ['alice', ''],
        ['alice', passwords.bob],
        ['mallory', passwords.alice],
        ['*', passwords.alice],
        ['ali*', passwords.alice],
        ['alice)(uid=*', passwords.alice],
        ['x)(|(uid=alice)', passwords.alice],
        [`alice,${people}`, passwords.alice],
        ['alice+cn=alice', passwords.alice],
        ['registry', readerPassword],
        ['', passwords.alice],
        [' ', passwords.alice],
      ] as const)
        expect(await ask(name, password), name).to.equal('401');
    });
  }

  it('says nothing to a directory that it does not trust: 503, by ldaps and by StartTLS', async () => {
    const other = join(import.meta.dirname, '../../plugins/auth-token/test/certificates/root.pem');
    for (const way of [{ url: directory.secureUrl }, { url: directory.url, startTls: true }]) {
      const ask = await asker({ ...way, caFile: other, ...searching });
      expect(await ask('alice', passwords.alice)).to.equal('503');
    }
  });

  it('answers 503 when the password of the reader is wrong, whoever asks', async () => {
    const ask = await asker({ url: directory.url, ...searching, bindPassword: 'changed' });
    expect(await ask('alice', passwords.alice)).to.equal('503');
    expect(await ask('alice', 'wrong')).to.equal('503');
  });

  it('answers 503 while the directory is down, but for who was known a moment ago, and 200 once it is back', async () => {
    const ask = await asker({
      url: directory.secureUrl,
      caFile: directory.caFile,
      ...searching,
      cacheSeconds: 3600,
    });
    expect(await ask('alice', passwords.alice)).to.equal('alice: developers');
    await directory.pause();
    expect(await ask('bob', passwords.bob)).to.equal('503');
    expect(await ask('alice', passwords.alice)).to.equal('alice: developers');
    await directory.resume();
    expect(await ask('bob', passwords.bob)).to.equal('bob: ');
  });

  it('bears many logins at once with few connections', async () => {
    const ask = await asker({ url: directory.url, ...searching, connections: 2 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => ask('alice', n % 2 === 0 ? passwords.alice : `guess ${n}`)),
    );
    expect(answers.filter((answer) => answer === '401')).to.have.lengthOf(20);
    expect(answers.filter((answer) => answer === 'alice: developers')).to.have.lengthOf(20);
  });

  it('stands beside an issuer of tokens and an htpasswd file', async () => {
    const issuer = await OidcIssuer.start();
    try {
      const file = join(folder, 'htpasswd');
      // admin: wonderland
      await writeFile(file, 'admin:$2b$04$r2OojEQMGCbaq/f9N2C6hewkOHC1AmCzYvs9GHcYF8ZVXYHFikBxa\n');
      const ask = await asker(
        { url: directory.url, ...searching },
        authOidc({ issuers: [{ name: 'github', issuer: issuer.url, audience: 'registry.example.com' }] }),
        authHtpasswd({ file, passUnknown: true }),
      );
      const job = githubJob('acme/app', 'refs/heads/main');
      expect(await ask('ci', await issuer.sign(job))).to.equal(`github:${job.sub}: `);
      expect(await ask('admin', 'wonderland')).to.equal('admin: ');
      expect(await ask('alice', passwords.alice)).to.equal('alice: developers');
      expect(await ask('ci', await issuer.sign({ ...job, exp: 1 }))).to.equal('401');
      expect(await ask('admin', passwords.bob)).to.equal('401');
      expect(await ask('alice', passwords.bob)).to.equal('401');
    } finally {
      await issuer.close();
    }
  });
});
