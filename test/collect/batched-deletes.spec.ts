import { isStorageError, StorageError, withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

const COUNT = 100;

describe('Collection on a storage that deletes many objects at once', () => {
  let filled: FilledStore;
  let calls: string[];
  /** Keys that cannot be deleted. */
  let stuck: (key: string) => boolean;

  /** A driver that notes what it is asked. */
  function noting(driver: StorageDriver): StorageDriver {
    const note = (verb: string, key: string): void => void calls.push(`${verb} ${key}`);
    return withMethods(driver, {
      read: (key, known) => (note('read', key), driver.read(key, known)),
      write: (key, bytes, options) => (note('write', key), driver.write(key, bytes, options)),
      delete: (key, options) => (note('delete', key), driver.delete(key, options)),
      deleteMany: async (keys) => {
        note('deleteMany', `${keys.length} keys`);
        const failed = new Map<string, StorageError>();
        for (const key of keys)
          if (stuck(key)) failed.set(key, new StorageError('UNAVAILABLE', 'access denied'));
          else await driver.delete(key);
        return failed;
      },
    });
  }

  beforeEach(async () => {
    stoppedClock.stop();
    calls = [];
    stuck = () => false;
    filled = new FilledStore(noting(new MemoryDriver(new Memory(2 ** 28))));
    for (let index = 0; index < COUNT; index += 1)
      await filled.pushBlob('team/app', `blob ${index} needs room of its own. `.repeat(1000));
    stoppedClock.pass(HOUR);
    calls = [];
    await filled.collect();
    stoppedClock.pass(HOUR);
  });
  afterEach(() => stoppedClock.release());

  it('gives up the bytes of many blobs in one call, and makes seven others for each', async () => {
    const { summary } = await filled.collect();
    expect(summary.blobs.deleted).to.equal(COUNT);
    expect(calls.filter((call) => call.startsWith('deleteMany'))).to.deep.equal([`deleteMany ${COUNT} keys`]);
    expect(calls.length).to.equal(7 * COUNT + 1);
    expect(await filled.keys('')).to.deep.equal([]);
  });

  it('removes no record whose bytes are still there, says why, and does the rest in the next run', async () => {
    const [first = ''] = await filled.keys('data/');
    stuck = (key) => key === first;
    const error: unknown = await filled.collect().catch((reason: unknown) => reason);
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    expect(error)
      .to.have.property('message')
      .that.includes(`of 1 blobs the bytes stay, ${first} because access denied`);
    expect(await filled.keys('data/')).to.deep.equal([first]);
    expect(await filled.keys('blobs/')).to.have.lengthOf(1);

    stuck = () => false;
    const { summary } = await filled.collect();
    expect(summary.blobs).to.deep.include({ found: 1, deleted: 1 });
    expect(await filled.keys('')).to.deep.equal([]);
  });
});
