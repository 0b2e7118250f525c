import { expect } from 'chai';
import { freePort } from '../servers/program.ts';
import { githubJob, OidcIssuer } from './oidc-issuer.ts';
import { Scene } from './scene.ts';
import { refusalOf } from './token-clients.ts';

const refused = /unauthorized|denied|authentication required|invalid username\/password/i;

describe('docs/access.md: everybody pulls, GitHub Actions pushes', () => {
  let issuer: OidcIssuer;
  let scene: Scene;
  before(async () => {
    issuer = await OidcIssuer.start();
    const port = await freePort();
    const environment = { REGISTRY_URL: `http://127.0.0.1:${port}`, OIDC_ISSUER: issuer.url };
    scene = await Scene.open('github', {}, { environment, port });
  });
  after(async () => {
    await scene.recipe.stop();
    await issuer.close();
  });

  /** As `docker login --username github --password-stdin` does with the token that a job was given. */
  async function login(repository: string, ref: string, claims: object = {}): Promise<string> {
    await scene.logout();
    return scene.login('github', await issuer.sign({ ...githubJob(repository, ref), ...claims }));
  }

  it('lets the job of the main branch push and pull', async () => {
    await login('acme/app', 'refs/heads/main');
    await scene.push('acme/app');
    await scene.pull('acme/app');
  });

  it('lets everybody pull who has no login', async () => {
    await scene.logout();
    await scene.pull('acme/app');
  });

  it('turns away pushes of everybody else: strangers, other branches, other repositories', async () => {
    expect(await refusalOf(scene.push('acme/app'))).to.match(refused);
    await login('acme/app', 'refs/pull/7/merge');
    expect(await refusalOf(scene.push('acme/app'))).to.match(refused);
    await login('evil/app', 'refs/heads/main');
    expect(await refusalOf(scene.push('acme/app'))).to.match(refused);
    await login('acme/app', 'refs/heads/main');
    expect(await refusalOf(scene.push('acme/other'))).to.match(refused);
    const image = `docker://${scene.recipe.host}/acme/app:1`;
    expect(await refusalOf(scene.skopeo('delete', image))).to.match(/unauthorized|denied|405|unsupported/i);
  });

  it('refuses the login of a token for somebody else, and of one that is old', async () => {
    expect(await refusalOf(login('acme/app', 'refs/heads/main', { aud: 'other' }))).to.match(refused);
    expect(await refusalOf(login('acme/app', 'refs/heads/main', { exp: 1 }))).to.match(refused);
  });

  it('has the job in its log, and no token', async () => {
    const { registry } = scene.recipe;
    await registry.line(({ actor }) => actor === 'github:repo:acme/app:ref:refs/heads/main');
    for (const reason of [/claim aud/, /has expired/])
      await registry.line(
        ({ msg, reason: told }) => msg === 'a token was refused' && reason.test(String(told)),
      );
    expect(JSON.stringify(registry.lines)).to.not.match(/eyJ[\w-]+\.eyJ/);
  });
});
