import { Readable } from 'node:stream';
import { isStorageError, isStorageKey, readerOf, withMethods } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';

describe('isStorageKey', () => {
  it('allows segments of letters, digits and ._~- joined by slashes', () => {
    for (const key of ['a', 'A/b-c/d.e/f_g/h~i', '0', '...', '..a', 'a..', '.a', '~', '-', '__proto__/x']) {
      expect(isStorageKey(key), key).to.equal(true);
    }
  });

  it('allows segments of 255 bytes and keys of 768', () => {
    const segment = 's'.repeat(255);
    expect(isStorageKey(segment)).to.equal(true);
    expect(isStorageKey(`${segment}s`)).to.equal(false);
    const key = `${segment}/${segment}/${segment}k`.slice(0, 766) + '/k';
    expect(key).to.have.lengthOf(768);
    expect(isStorageKey(key)).to.equal(true);
    expect(isStorageKey(`${key}k`)).to.equal(false);
  });

  it('refuses what could leave its folder, or name nothing', () => {
    for (const key of ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/.', './a', 'a/../b', '../a', 'a/..']) {
      expect(isStorageKey(key), key).to.equal(false);
    }
  });

  it('refuses every other character', () => {
    for (const key of ['a b', 'a\\b', 'a:b', 'a%2fb', 'ä', 'a\0', 'a\n', 'a\nb', 'a+b', 'a@b', 'a*']) {
      expect(isStorageKey(key), JSON.stringify(key)).to.equal(false);
    }
  });
});

describe('readerOf', () => {
  const chunks = [Buffer.from('one'), Buffer.from('two')];

  it('reads what a stream yields, then says that this was all, as often as it is asked', async () => {
    const reader = readerOf(Readable.from(chunks), { size: 100, length: 6 });
    expect(reader.size).to.equal(100);
    expect(String(await reader.read())).to.equal('one');
    expect(String(await reader.read())).to.equal('two');
    expect(await reader.read()).to.equal(undefined);
    expect(await reader.read()).to.equal(undefined);
    await reader.close();
  });

  it('throws UNAVAILABLE when the stream ends early', async () => {
    const reader = readerOf(Readable.from(chunks), { size: 7, length: 7 });
    await reader.read();
    await reader.read();
    const error: unknown = await reader.read().catch((reason: unknown) => reason);
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    expect(error).to.have.property('message', 'the object ended 1 bytes early');
  });

  it('closes the stream in the middle, and twice', async () => {
    const stream = Readable.from(chunks);
    const reader = readerOf(stream, { size: 6, length: 6 });
    await reader.read();
    await reader.close();
    await reader.close();
    expect(stream.destroyed).to.equal(true);
  });

  it('closes a stream that was never read', async () => {
    const stream = Readable.from(chunks);
    await readerOf(stream, { size: 6, length: 6 }).close();
    expect(stream.destroyed).to.equal(true);
  });

  it('passes an error of the stream on', async () => {
    const stream = new Readable({ read: () => stream.destroy(new Error('EIO')) });
    const reader = readerOf(stream, { size: 6, length: 6 });
    const error: unknown = await reader.read().catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'EIO');
    await reader.close();
  });
});

describe('A driver with some methods replaced', () => {
  const driver = new MemoryDriver(new Memory(1024));

  it('does the rest itself', async () => {
    const wrapped = withMethods(driver, { size: async () => 7 });
    await wrapped.write('a', Buffer.from('1'));
    expect((await driver.read('a'))?.bytes).to.deep.equal(Buffer.from('1'));
    expect(await wrapped.size('a')).to.equal(7);
  });

  it('signs URLs when it does so itself, or another way of it is given, and only then', async () => {
    expect(withMethods(driver, {})).not.to.have.property('signUrl');
    expect(withMethods(driver, {})).not.to.have.property('link');
    const linking = withMethods(driver, { link: async (from, to) => from === to });
    expect(await withMethods(linking, {}).link?.('a', 'a')).to.equal(true);
    const signing = withMethods(driver, { signUrl: async (key) => `https://bucket.example/${key}` });
    expect(await withMethods(signing, {}).signUrl?.('a', { expires: 1 })).to.equal(
      'https://bucket.example/a',
    );
  });

  it('deletes many at once when it does so itself', async () => {
    expect(withMethods(driver, {})).not.to.have.property('deleteMany');
    const deleted: string[] = [];
    const batching = withMethods(driver, {
      deleteMany: async (keys) => {
        deleted.push(...keys);
        return new Map();
      },
    });
    await withMethods(batching, {}).deleteMany?.(['a', 'b']);
    expect(deleted).to.deep.equal(['a', 'b']);
  });
});
