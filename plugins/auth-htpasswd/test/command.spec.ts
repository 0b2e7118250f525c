import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { BcryptQueue } from '../src/bcrypt.ts';
import { htpasswd } from '../src/command.ts';
import { parseUserList } from '../src/user-list.ts';

describe('htpasswd add', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-htpasswd-'));
    file = join(folder, 'users');
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function run(input: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', ''];
    const code = await htpasswd(args, {
      stdin: Readable.from([Buffer.from(input)]),
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  }
  const add = (name: string, password: string): ReturnType<typeof run> =>
    run(`${password}\n`, 'add', name, '--stdin', '--file', file);

  async function accepts(name: string, password: string): Promise<boolean> {
    const hash = parseUserList(await readFile(file, 'utf8')).get(name) ?? '';
    return new BcryptQueue({ concurrency: 1, maxWaiting: 0 }).matches(password, hash);
  }

  it('makes the file, for its owner alone, with a hash that the plugin accepts', async () => {
    const { code, out } = await add('alice', 'wonderland');
    expect(code).to.equal(0);
    expect(out).to.equal(`alice is added to ${file}\n`);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(await accepts('alice', 'wonderland')).to.equal(true);
    expect(await accepts('alice', 'wonderlanD')).to.equal(false);
    expect(await readFile(file, 'utf8')).to.match(/^alice:\$2b\$10\$/);
  });

  it('adds to the file and changes a password in it, and leaves all else as it is', async () => {
    await add('alice', 'one');
    const before = await readFile(file, 'utf8');
    await writeFile(file, `# ours\n${before}`, { mode: 0o600 });
    await add('bob', 'two');
    const { out } = await add('alice', 'three');
    expect(out).to.include('alice has a new password');
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.map((line) => line.split(':')[0])).to.deep.equal(['# ours', 'alice', 'bob', '']);
    expect(await accepts('alice', 'three')).to.equal(true);
    expect(await accepts('bob', 'two')).to.equal(true);
    expect(await readdir(folder)).to.deep.equal(['users']);
  });

  it('refuses names and passwords that clients cannot send, and changes nothing', async () => {
    for (const [name, password] of [
      ['a:b', 'x'],
      ['', 'x'],
      ['#a', 'x'],
      [' a', 'x'],
      ['a', ''],
      ['a', 'x'.repeat(73)],
      ['a', 'tab\ttab'],
      ['a', 'x'.repeat(5000)],
    ] as const) {
      const { code, err } = await add(name, password);
      expect(code, `${name} ${password}`).to.equal(1);
      expect(err).to.match(/^htpasswd: /);
    }
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('leaves a file that it cannot read as it is', async () => {
    await writeFile(file, 'bob:{SHA}x\n');
    const { code, err } = await add('alice', 'x');
    expect(code).to.equal(1);
    expect(err).to.include('line 1');
    expect(await readFile(file, 'utf8')).to.equal('bob:{SHA}x\n');
    expect(await readdir(folder)).to.deep.equal(['users']);
  });

  it('loses nobody when somebody else changes the file', async () => {
    await add('alice', 'x');
    await writeFile(`${file}.new`, '');
    const { code, err } = await add('bob', 'x');
    expect(code).to.equal(1);
    expect(err).to.include('users.new is there');
    expect(await readdir(folder)).to.deep.equal(['users', 'users.new']);
  });

  it('asks for nothing where there is no terminal, and explains itself', async () => {
    expect((await run('', 'add', 'alice', '--file', file)).err).to.include('--stdin');
    expect((await run('', 'add')).err).to.include('Usage: ');
    expect((await run('', 'add', 'a', 'password')).err).to.include('Usage: ');
    expect((await run('', '--help')).out).to.include('Usage: ');
    expect((await run('x', 'add', 'a', '--stdin', '--cost', '31', '--file', file)).err).to.include(
      '10 to 14',
    );
    expect((await run('x', 'add', 'a', '--password', 'x')).err).to.include('--password');
    expect(await readdir(folder)).to.deep.equal([]);
  });
});
