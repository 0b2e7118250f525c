import { expect } from 'chai';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '@entrepot/auth-keys/command';
import { KeyStore } from '../src/key-store.ts';
import { idOf } from '../src/key-text.ts';
import { newStorage } from './memory-storage.ts';

describe('registry keys', () => {
  let driver: StorageDriver;
  let openings: number;
  let closings: number;
  beforeEach(() => {
    driver = newStorage();
    [openings, closings] = [0, 0];
  });

  async function run(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    let [stdout, stderr] = ['', ''];
    const code = await keys(args, {
      open: async () => {
        openings += 1;
        return {
          driver,
          async close() {
            closings += 1;
          },
        };
      },
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
    });
    return { code, stdout, stderr };
  }

  it('makes a key that goes to standard output alone, for a pipe into a login', async () => {
    const { code, stdout, stderr } = await run('create', 'alice', '--name', 'laptop', '--days', '7');
    expect(code).to.equal(0);
    const id = idOf(stdout.trimEnd()) ?? '';
    expect(stderr).to.include(id).and.not.include(stdout.trimEnd());
    const found = await new KeyStore(driver).find('alice', id);
    expect(found?.record).to.include({ owner: 'alice', name: 'laptop', isRobot: false });
    expect(found?.record.scopes).to.deep.equal([{ repositories: ['**'], actions: ['pull'] }]);
    expect([openings, closings]).to.deep.equal([1, 1]);
  });

  it('makes keys of robots, with their rights', async () => {
    const scope = ['--repository', 'team/**', '--repository', 'base', '--action', 'push'];
    const { stdout } = await run('create', 'ci', '--robot', ...scope);
    const found = await new KeyStore(driver).find('robot-ci', idOf(stdout.trimEnd()) ?? '');
    expect(found?.record).to.include({ owner: 'robot-ci', isRobot: true });
    expect(found?.record.scopes).to.deep.equal([
      { repositories: ['team/**', 'base'], actions: ['pull', 'push'] },
    ]);
  });

  it('lists keys, for people and for programs', async () => {
    const one = idOf((await run('create', 'alice')).stdout.trimEnd()) ?? '';
    const two = idOf((await run('create', 'bob')).stdout.trimEnd()) ?? '';
    const { stdout } = await run('list');
    expect(stdout.trimEnd().split('\n')).to.have.lengthOf(2);
    expect(stdout).to.include(one).and.include(two).and.include('never used');
    const { stdout: json } = await run('list', 'alice', '--json');
    expect(JSON.parse(json)).to.include({ id: one, owner: 'alice' }).and.not.have.any.keys('hash', 'key');
  });

  it('revokes keys by id, or all of somebody', async () => {
    const idOfNew = async (): Promise<string> => idOf((await run('create', 'alice')).stdout.trimEnd()) ?? '';
    const ids = [await idOfNew(), await idOfNew(), await idOfNew()] as const;
    expect(await run('revoke', ids[0])).to.deep.equal({
      code: 0,
      stdout: '',
      stderr: `the key ${ids[0]} of alice is revoked\n`,
    });
    expect(await run('revoke', ids[0])).to.include({ code: 1, stderr: `keys: there is no key ${ids[0]}\n` });
    expect((await run('list')).stdout.trimEnd().split('\n')).to.have.lengthOf(2);
    expect(await run('revoke', '--owner', 'alice')).to.include({ stderr: '2 keys of alice are revoked\n' });
    expect((await run('list')).stdout).to.equal('');
  });

  it('explains itself, and opens no storage for what makes no sense', async () => {
    expect(await run('--help')).to.include({ code: 0 });
    for (const args of [
      [],
      ['create'],
      ['create', 'a', 'b'],
      ['revoke'],
      ['revoke', 'x', '--owner', 'y'],
      ['sing'],
    ])
      expect(await run(...args), args.join(' ')).to.include({ code: 1, stdout: '' });
    for (const [args, message] of [
      [['create', 'a', '--days', '0'], '--days'],
      [['create', 'a', '--days', 'ten'], '--days'],
      [['create', 'a:b'], 'no colon'],
      [['create', 'a', '--action', 'fly'], 'actions'],
      [['create', 'a', '--repository', 'A'], 'no pattern'],
      [['create', 'CI', '--robot'], 'robot'],
      [['create', 'a', '--colour', 'red'], '--colour'],
      [['revoke', 'alice'], 'no id'],
    ] as const) {
      const { code, stderr } = await run(...args);
      expect(code).to.equal(1);
      expect(stderr).to.include(message);
    }
    expect(openings).to.equal(0);
  });
});
