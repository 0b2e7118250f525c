import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError } from '@entrepot/plugin-sdk';
import { Locks } from '../src/locks.ts';

describe('locks', () => {
  let directory: string;
  /** Two that share nothing but the directory, as those of two processes do. */
  let one: Locks;
  let two: Locks;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'entrepot-locks-'));
    one = new Locks(directory);
    two = new Locks(directory);
  });
  afterEach(async () => {
    one.close();
    two.close();
    await rm(directory, { recursive: true });
  });

  it('let one at a time in, whoever it asks', async () => {
    let inside = 0;
    let entered = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      entered += 1;
      expect(inside).to.equal(1);
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : two).hold('key', work)),
    );
    expect(entered).to.equal(100);
  });

  it('let those of one process in one after the other, in the order they came', async () => {
    const order: number[] = [];
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    await Promise.all(
      numbers.map((index) =>
        one.hold('key', async () => {
          await new Promise(setImmediate);
          order.push(index);
        }),
      ),
    );
    expect(order).to.deep.equal(numbers);
  });

  it('let another process in while this one has always somebody waiting', async () => {
    let stop = false;
    const busy = async (): Promise<void> => {
      while (!stop) await one.hold('key', () => new Promise((resolve) => setImmediate(resolve)));
    };
    const crowd = [busy(), busy(), busy()];
    await two.hold('key', async () => undefined);
    stop = true;
    await Promise.all(crowd);
  });

  it('are free again after work that failed', async () => {
    const failure = new Error('of the work');
    const failed = await one.hold('key', () => Promise.reject(failure)).catch((error: unknown) => error);
    expect(failed).to.equal(failure);
    await two.hold('key', async () => undefined);
  });

  it('are UNAVAILABLE when they are not to be had in time, and go on to others after that', async () => {
    const hasty = new Locks(directory, 20);
    let leave = (): void => undefined;
    const held = one.hold('key', () => new Promise<void>((resolve) => (leave = resolve)));
    const refused = await hasty.hold('key', async () => undefined).catch((error: unknown) => error);
    expect(isStorageError(refused, 'UNAVAILABLE')).to.equal(true);
    leave();
    await held;
    await hasty.hold('key', async () => undefined);
    hasty.close();
  });

  it('of different keys may be held at once', async () => {
    await one.hold('a', () => two.hold('b', async () => undefined));
  });

  it('write nothing: 32 empty files at most, whatever the keys', async () => {
    for (let index = 0; index < 500; index += 1) {
      await one.hold(`key/${index}`, async () => {
        if (index % 100 === 0) expect(await total()).to.equal(0);
      });
    }
    expect(await readdir(directory)).to.have.length(32);
    expect(await total()).to.equal(0);
  });

  it('take no work any more when they are closed', async () => {
    one.close();
    const refused = await one.hold('key', async () => undefined).catch((error: unknown) => error);
    expect(isStorageError(refused, 'UNAVAILABLE')).to.equal(true);
  });

  /** Bytes of all files. */
  async function total(): Promise<number> {
    const names = await readdir(directory);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
});
