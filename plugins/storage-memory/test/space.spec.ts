import { isStorageError, type Upload } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

async function isFull(call: Promise<unknown>): Promise<boolean> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  return isStorageError(error, 'NO_SPACE');
}

async function begin(driver: MemoryDriver, key: string): Promise<Upload> {
  return { key, offset: 0, parts: 0, state: await driver.createUpload(key) };
}

describe('the space of a memory driver', () => {
  let driver: MemoryDriver;
  beforeEach(() => {
    driver = new MemoryDriver(new Memory(100));
  });

  it('ends at maxBytes: a write beyond it is refused with NO_SPACE and changes nothing', async () => {
    await driver.write('a', bytes(60));
    expect(await isFull(driver.write('b', bytes(41)))).to.equal(true);
    expect(await isFull(driver.write('a', bytes(101)))).to.equal(true);
    expect(await driver.size('a')).to.equal(60);
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['a'], more: false });
    await driver.write('b', bytes(40));
  });

  it('counts the difference when an object is replaced', async () => {
    await driver.write('a', bytes(60));
    await driver.write('a', bytes(100));
    await driver.write('a', bytes(10));
    await driver.write('b', bytes(90));
  });

  it('comes back when an object is deleted', async () => {
    await driver.write('a', bytes(100));
    await driver.delete('a');
    await driver.delete('a');
    await driver.write('b', bytes(100));
    expect(await isFull(driver.write('c', bytes(1)))).to.equal(true);
  });

  it('is taken by the parts of unfinished uploads, and comes back when they are aborted', async () => {
    const upload = await begin(driver, 'a');
    const state = await driver.uploadPart(upload, [bytes(40), bytes(30)]);
    expect(await isFull(driver.write('b', bytes(31)))).to.equal(true);
    await driver.abortUpload({ ...upload, offset: 70, parts: 1, state });
    await driver.write('b', bytes(100));
  });

  it('is taken once by an upload that is repeated, and once when it is complete', async () => {
    const upload = await begin(driver, 'a');
    await driver.uploadPart(upload, [bytes(90)]);
    const state = await driver.uploadPart(upload, [bytes(60)]);
    await driver.completeUpload({ ...upload, offset: 60, parts: 1, state }, [bytes(40)]);
    expect(await driver.size('a')).to.equal(100);
    expect(await isFull(driver.write('b', bytes(1)))).to.equal(true);
    await driver.delete('a');
    await driver.write('b', bytes(100));
  });

  it('refuses a part and last bytes beyond it, and keeps the upload as it was', async () => {
    const upload = await begin(driver, 'a');
    const state = await driver.uploadPart(upload, [bytes(60)]);
    const grown = { ...upload, offset: 60, parts: 1, state };
    expect(await isFull(driver.uploadPart(grown, [bytes(41)]))).to.equal(true);
    expect(await isFull(driver.completeUpload(grown, [bytes(41)]))).to.equal(true);
    expect(await driver.size('a')).to.equal(undefined);
    await driver.completeUpload(grown, [bytes(40)]);
    expect(await driver.size('a')).to.equal(100);
  });
});

describe('a read of a memory driver', () => {
  it('returns the very object that is known while it is the current one', async () => {
    const driver = new MemoryDriver(new Memory(100));
    const known = await driver.write('a', bytes(1));
    expect(await driver.read('a', known)).to.equal(known);
    await driver.write('a', bytes(2));
    expect(await driver.read('a', known)).to.not.equal(known);
  });

  it('gives an object that was uploaded in parts as one', async () => {
    const driver = new MemoryDriver(new Memory(100));
    const upload = await begin(driver, 'a');
    const state = await driver.uploadPart(upload, [Buffer.from('one ')]);
    await driver.completeUpload({ ...upload, offset: 4, parts: 1, state }, [Buffer.from('two')]);
    expect(String((await driver.read('a'))?.bytes)).to.equal('one two');
  });
});
