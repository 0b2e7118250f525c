import { expect } from 'chai';
import type { Slapd } from '../servers/slapd.ts';
import { passwords, readerPassword, startCompanyDirectory } from './company-directory.ts';
import { Scene } from './scene.ts';
import { refusalOf } from './token-clients.ts';

describe('docs/access.md: a company with a directory', () => {
  let directory: Slapd;
  let scene: Scene;
  before(async () => {
    directory = await startCompanyDirectory();
    const environment = { LDAP_URL: directory.secureUrl, LDAP_PASSWORD: readerPassword };
    scene = await Scene.open('company', {}, { environment, files: { 'company-ca.pem': directory.caFile } });
  });
  after(async () => {
    await scene.recipe.stop();
    await directory.stop();
  });

  async function login(user: keyof typeof passwords): Promise<void> {
    await scene.logout();
    await scene.login(user, passwords[user]);
  }

  it('turns everybody away who is not in the directory, or has a wrong password', async () => {
    expect(await refusalOf(scene.push('team/app'))).to.match(/authentication required|unauthorized/i);
    expect(await refusalOf(scene.login('alice', 'wrong'))).to.match(/invalid username\/password/i);
    expect(await refusalOf(scene.login('mallory', 'wonderland'))).to.match(/invalid username\/password/i);
  });

  it('lets developers push and pull where they work', async () => {
    await login('alice');
    await scene.push('team/app');
    await scene.pull('team/app');
    expect(await refusalOf(scene.push('base/os'))).to.match(
      /alice may not push to base\/os: no rule allows it/,
    );
  });

  it('denies that to others, with the rule, who may still push at home', async () => {
    await login('bob');
    expect(await refusalOf(scene.push('team/app'))).to.match(/denied|403/i);
    expect(await refusalOf(scene.push('base/os'))).to.match(
      /bob may not push to base\/os: no rule allows it/,
    );
    await scene.push('home/bob/app');
    await scene.pull('home/bob/app');
    expect(await refusalOf(scene.push('home/alice/app'))).to.match(/denied|403/i);
  });

  it('lets operators do everything', async () => {
    await login('olga');
    await scene.push('base/os');
    await scene.skopeo('delete', `docker://${scene.recipe.host}/home/bob/app:1`);
    await login('bob');
    await scene.pull('base/os');
  });

  it('has who did it in its log, and no password', async () => {
    const { registry } = scene.recipe;
    for (const user of ['alice', 'bob', 'olga']) await registry.line(({ actor }) => actor === user);
    await registry.line(({ msg, user }) => msg === 'a login was refused' && user === 'mallory');
    for (const secret of [...Object.values(passwords), readerPassword])
      expect(JSON.stringify(registry.lines)).to.not.include(secret);
  });
});
