import { expect } from 'chai';
import { TemporaryRoot } from '../temporary-root.ts';
import { runSteps } from './traced.ts';

/** Every call that changes something; what an `openat` changes is there when the next call is killed. */
const changing = ['mkdir', 'pwrite64', 'pwritev', 'fsync', 'link', 'rename', 'unlink', 'ftruncate'];

/** What may be read under `new/folder/object` when this is the last step that has been answered. */
const versions: Readonly<Record<string, readonly (string | undefined)[]>> = {
  '': [undefined],
  started: [undefined, 'created'],
  created: ['created', 'replaced'],
  replaced: ['replaced', 'swapped'],
  swapped: ['swapped'],
  transient: ['swapped'],
  uploading: ['swapped'],
  completed: ['swapped', undefined],
  deleted: [undefined],
};

describe('a process that is killed at any system call', () => {
  for (const call of changing) {
    it(`leaves the old or the new state, and nobody waiting: ${call}`, async function () {
      this.timeout(300_000);
      for (let count = 1; ; count += 1) {
        const root = await TemporaryRoot.make();
        try {
          const said = await runSteps(root.path, [
            '-o',
            '/dev/null',
            '-e',
            `trace=${call}`,
            '-e',
            `inject=${call}:signal=SIGKILL:when=${count}`,
          ]);
          await check(root, said);
          if (said.at(-1) === 'deleted') break;
        } finally {
          await root.destroy();
        }
      }
    });
  }

  async function check(root: TemporaryRoot, said: readonly string[]): Promise<void> {
    const last = said.at(-1) ?? '';
    const driver = await root.driver();
    const read = async (key: string): Promise<string | undefined> => {
      const object = await driver.read(key);
      return object === undefined ? undefined : Buffer.from(object.bytes).toString();
    };

    expect(await read('new/folder/object'), last).to.be.oneOf([...(versions[last] ?? [])]);
    const transient = await read('new/folder/transient');
    if (said.includes('transient')) expect(transient).to.equal('transient');
    else expect(transient).to.be.oneOf([undefined, 'transient']);
    const large = await read('data/large');
    if (said.includes('completed')) expect(large).to.equal('large object completed');
    else expect(large).to.be.oneOf([undefined, 'large object completed']);

    const { keys } = await driver.list('', { limit: 10 });
    const expected = ['data/large', 'new/folder/object', 'new/folder/transient'];
    const present = await Promise.all(
      expected.map(async (key) => ((await driver.size(key)) === undefined ? [] : [key])),
    );
    expect(keys).to.deep.equal(present.flat());

    for (const key of expected) await driver.write(key, Buffer.from('again'));
    for (const key of expected) expect(await read(key)).to.equal('again');
  }
});
