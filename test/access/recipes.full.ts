import { expect } from 'chai';
import { addUser } from './recipe.ts';
import { Scene } from './scene.ts';
import { refusalOf } from './token-clients.ts';

describe('docs/access.md: open, on this machine', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open('open');
  });
  after(() => scene.recipe.stop());

  it('lets everybody push and pull', async () => {
    await scene.push('team/app');
    await scene.pull('team/app');
  });
});

describe('docs/access.md: one team', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open('team', { alice: 'wonderland' });
  });
  after(() => scene.recipe.stop());

  it('turns everybody away who has no login, or a wrong one', async () => {
    expect(await refusalOf(scene.push('team/app'))).to.match(/authentication required|unauthorized/i);
    expect(await refusalOf(scene.login('alice', 'wrong'))).to.match(/invalid username\/password/i);
    expect(await refusalOf(scene.login('bob', 'builder'))).to.match(/invalid username\/password/i);
  });

  it('lets members push and pull', async () => {
    await scene.login('alice', 'wonderland');
    await scene.push('team/app');
    await scene.pull('team/app');
  });

  it('knows a new member without a restart', async () => {
    const before = scene.recipe.registry.lines.length;
    await addUser(scene.recipe.folder, 'bob', 'builder');
    await scene.recipe.registry.line(({ msg }) => msg === 'the password file was read anew', before);
    await scene.logout();
    await scene.login('bob', 'builder');
    await scene.pull('team/app');
  });

  it('has who did it in its log, and no password', () => {
    const actors = scene.recipe.registry.lines.map(({ actor }) => actor);
    expect(actors).to.include.members(['alice', 'bob']);
    const refused = scene.recipe.registry.lines.filter(({ msg }) => msg === 'a login was refused');
    expect(refused.map(({ user }) => user)).to.include.members(['alice', 'bob']);
    const log = JSON.stringify(scene.recipe.registry.lines);
    for (const secret of [
      'wonderland',
      'builder',
      '$2b$',
      Buffer.from('alice:wonderland').toString('base64'),
    ]) {
      expect(log).to.not.include(secret);
    }
  });
});

describe('docs/access.md: everybody pulls, CI pushes', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open('public', { ci: 'robot', alice: 'wonderland' });
  });
  after(() => scene.recipe.stop());

  it('lets CI push', async () => {
    await scene.login('ci', 'robot');
    await scene.push('team/app');
    await scene.pull('team/app');
  });

  it('lets everybody pull who has no login', async () => {
    await scene.logout();
    await scene.pull('team/app');
  });

  it('asks who has no login and pushes for one', async () => {
    expect(await refusalOf(scene.push('team/other'))).to.match(/authentication required|unauthorized/i);
  });

  it('denies a push to who has a login, with the rule', async () => {
    await scene.login('alice', 'wonderland');
    await scene.pull('team/app');
    expect(await refusalOf(scene.push('team/other'))).to.match(
      /alice may not push to team\/other: no rule allows it/,
    );
  });

  it('denies deletion to CI', async () => {
    await scene.login('ci', 'robot');
    const image = `docker://${scene.recipe.host}/team/app:1`;
    expect(await refusalOf(scene.skopeo('delete', image))).to.match(/denied|403/i);
    await scene.pull('team/app');
  });

  it('tells who has a wrong password so, where everybody may pull', async () => {
    await scene.logout();
    const image = `docker://${scene.recipe.host}/team/app:1`;
    expect(await refusalOf(scene.skopeo('inspect', '--creds', 'ci:wrong', image))).to.match(
      /name or the password is wrong|unauthorized|authentication required/i,
    );
  });
});
