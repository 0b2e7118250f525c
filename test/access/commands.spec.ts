import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { root } from '../house/workspace.ts';
import { recipeFile } from './recipe.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `registry` with these arguments and this standard input. */
function registry(args: readonly string[], { cwd = root, input = '', env: own = {} } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', ...own };
    const child = execFile(process.execPath, [executable, ...args], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    // A command that reads nothing may have ended by now.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

const explain = (...args: readonly string[]): Promise<Outcome> =>
  registry(['access', 'explain', '--config', recipeFile('public'), ...args]);

describe('registry access explain', () => {
  it('prints the rule that allows, and exits with 0', async () => {
    expect(await explain('--repo', 'team/app')).to.deep.equal({
      code: 0,
      stdout: 'allowed\n  pull from team/app: rule 1 allows it\n',
      stderr: '',
    });
    const { code, stdout } = await explain('--user', 'ci', '--repo', 'team/app', '--action', 'push');
    expect(code).to.equal(0);
    expect(stdout).to.include('push to team/app: rule 2 allows it');
  });

  it('prints what is missing, and exits with 1', async () => {
    const { code, stdout } = await explain('--user', 'alice', '--repo', 'team/app', '--action', 'push');
    expect(code).to.equal(1);
    expect(stdout).to.equal(
      'denied\n  pull from team/app: rule 1 allows it\n  push to team/app: no rule allows it\n',
    );
    expect(await explain('--action', 'catalog')).to.include({
      code: 1,
      stdout: 'denied\n  list the repositories: no rule allows it\n',
    });
    expect(await explain('--user', 'alice', '--action', 'catalog')).to.include({ code: 0 });
  });

  it('says how it is without rules', async () => {
    const ask = (name: string, ...args: readonly string[]): Promise<Outcome> =>
      registry(['access', 'explain', '--config', recipeFile(name), '--repo', 'a', ...args]);
    expect((await ask('open')).stdout).to.equal(
      'allowed\n  no plugin asks who is there: everybody may do everything\n',
    );
    expect((await ask('team')).stdout).to.match(/^denied\n {2}no plugin has rules/);
    expect((await ask('team', '--user', 'alice')).stdout).to.match(/^allowed\n/);
  });

  it('refuses questions that make no sense', async () => {
    for (const [args, message] of [
      [['--action', 'push'], '--repo'],
      [['--action', 'create'], 'pull, push, delete, catalog'],
      [['--repo', 'a', '--group', 'dev'], '--user'],
      [['--repo', 'a', '--user', 'x', '--claim', 'owner'], '<name>=<value>'],
    ] as const) {
      const { code, stdout, stderr } = await explain(...args);
      expect(code).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr).to.include(message);
    }
  });
});

describe('registry htpasswd', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-htpasswd-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('adds a user whose password comes from a pipe', async () => {
    const file = join(folder, 'users');
    const added = await registry(['htpasswd', 'add', 'alice', '--stdin', '--file', file], {
      input: 'secret\n',
    });
    expect(added).to.deep.equal({ code: 0, stdout: `alice is added to ${file}\n`, stderr: '' });
    const refused = await registry(['htpasswd', 'add', 'a:b', '--stdin', '--file', file], {
      input: 'secret\n',
    });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.include('no colon');
  });

  it('explains itself', async () => {
    expect(await registry(['htpasswd', '--help'])).to.include({ code: 0 });
    expect((await registry(['htpasswd', '--help'])).stdout).to.include('add USER');
    expect((await registry(['htpasswd'])).code).to.equal(1);
  });

  it('says what to install where the plugin is not', async () => {
    const { code, stderr } = await registry(['htpasswd', 'add', 'alice'], { cwd: folder });
    expect(code).to.equal(1);
    expect(stderr).to.include('npm install @entrepot/auth-htpasswd');
  });
});

describe('the configurations of docs/access.md', () => {
  for (const name of ['open', 'team', 'public', 'github', 'company', 'token-server']) {
    it(`pass registry check: ${name}`, async () => {
      const env = { LDAP_PASSWORD: 'of the reader' };
      expect(await registry(['check', '--config', recipeFile(name)], { env })).to.include({ code: 0 });
    });
  }

  it('want the password of the directory, where one is needed', async () => {
    const { code, stderr } = await registry(['check', '--config', recipeFile('company')]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/auth-ldap: .*bindPassword when property bindDn is present/);
  });
});
