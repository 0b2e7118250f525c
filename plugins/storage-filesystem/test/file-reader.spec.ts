import { open, readdir, readlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError, type LargeObject } from '@entrepot/plugin-sdk';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { BufferPool, pooledSize } from '../src/buffer-pool.ts';
import { openReader } from '../src/file-reader.ts';
import { TemporaryRoot } from './temporary-root.ts';

const MiB = 1024 * 1024;

describe('reading large objects', () => {
  let root: TemporaryRoot;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    driver = await root.driver({ fsync: false });
  });
  afterEach(() => root.destroy());

  async function store(key: string, bytes: Uint8Array): Promise<void> {
    await driver.completeUpload({ key, offset: 0, parts: 0, state: await driver.createUpload(key) }, [bytes]);
  }

  async function opened(key: string): Promise<LargeObject> {
    const object = await driver.open(key);
    if (object === undefined) throw new Error(`${key} is absent`);
    return object;
  }

  async function rest(object: LargeObject): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read())
      chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  it('reads one buffer ahead and no more: what is changed behind it is seen', async () => {
    await store('a', Buffer.alloc(4 * pooledSize, 'a'));
    const object = await opened('a');
    expect((await object.read())?.length).to.equal(pooledSize);
    const file = await open(join(root.path, 'objects', 'a'), 'r+');
    await file.write(Buffer.alloc(2 * pooledSize, 'b'), 0, 2 * pooledSize, 2 * pooledSize);
    await file.close();
    const read = await rest(object);
    await object.close();
    expect(read.subarray(pooledSize).equals(Buffer.alloc(2 * pooledSize, 'b'))).to.equal(true);
  });

  it('leaves a chunk alone until the next one is asked for', async () => {
    const bytes = Buffer.alloc(5 * pooledSize + 17);
    for (let index = 0; index < bytes.length; index += 4)
      bytes.writeUInt32LE(index & 0xffff_fffc, Math.min(index, bytes.length - 4));
    await store('a', bytes);
    const object = await opened('a');
    let offset = 0;
    for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
      await driver.size('a');
      expect(Buffer.compare(chunk, bytes.subarray(offset, offset + chunk.length))).to.equal(0);
      offset += chunk.length;
    }
    expect(offset).to.equal(bytes.length);
    await object.close();
  });

  it('is UNAVAILABLE when the file is cut after it was opened, in the first chunk or a later one', async () => {
    for (const [length, cut] of [
      [1000, 0],
      [1000, 999],
      [2 * MiB, MiB],
    ] as const) {
      await store(`a${length}-${cut}`, Buffer.alloc(length));
      const object = await opened(`a${length}-${cut}`);
      await truncate(join(root.path, 'objects', `a${length}-${cut}`), cut);
      const error = await rest(object).then(
        () => 'read',
        (reason: unknown) => reason,
      );
      expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
      const again = await object.read().then(
        () => 'read',
        (reason: unknown) => reason,
      );
      expect(isStorageError(again, 'UNAVAILABLE')).to.equal(true);
      await object.close();
    }
  });

  it('gives buffers back only when the read that is going on has ended', async () => {
    await store('a', Buffer.alloc(MiB));
    const order: string[] = [];
    class Watched extends BufferPool {
      override giveBack(buffer: Uint8Array): void {
        order.push('given back');
        super.giveBack(buffer);
      }
    }
    const object = await openReader(join(root.path, 'objects', 'a'), undefined, new Watched(8));
    const reading = object?.read().then(() => order.push('read'));
    const closing = object?.close().then(() => order.push('closed'));
    await Promise.all([reading, closing]);
    expect(order).to.deep.equal(['read', 'given back', 'given back', 'closed']);
  });

  it('ends when it is closed, and closes no descriptor under a read that is going on', async () => {
    await store('a', Buffer.alloc(MiB, 'a'));
    await store('b', Buffer.alloc(MiB, 'b'));
    for (let round = 0; round < 50; round += 1) {
      const object = await opened('a');
      const reading = object.read();
      const closing = object.close();
      const other = await opened('b');
      expect((await rest(other)).equals(Buffer.alloc(MiB, 'b'))).to.equal(true);
      await Promise.all([reading, closing, other.close()]);
      const error = await object.read().then(
        () => 'read',
        (reason: unknown) => reason,
      );
      expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    }
  });

  it('goes on without pooled buffers when 300 objects are open at once', async () => {
    await store('a', Buffer.alloc(MiB, 'a'));
    const objects = await Promise.all(Array.from({ length: 300 }, () => opened('a')));
    const lengths = await Promise.all(objects.map(async (object) => (await object.read())?.length));
    expect(new Set(lengths)).to.deep.equal(new Set([pooledSize, 64 * 1024]));
    const all = await Promise.all(objects.map(async (object) => (await rest(object)).length));
    objects.forEach((_, index) => expect(all[index]).to.equal(MiB - (lengths[index] ?? 0)));
    await Promise.all(objects.map((object) => object.close()));
  });

  it('leaves no descriptor open, whatever happened', async () => {
    await driver.write('small', Buffer.from('1'));
    await store('a', Buffer.alloc(MiB));
    await driver.stop();
    const before = await descriptors();
    for (let round = 0; round < 20; round += 1) {
      const object = await opened('a');
      if (round % 3 > 0) await object.read();
      await object.close();
      await object.close();
      await driver.read('small');
      await driver.read('absent');
      await driver.open('absent');
      await driver.list('', { limit: 10 });
    }
    // Descriptors that only read are closed without anybody waiting for it: the test does.
    while ((await descriptors()).length > before.length) await new Promise(setImmediate);
    expect(await descriptors()).to.deep.equal(before);
  });

  it('lends buffers up to a limit, and each to one at a time', () => {
    const pool = new BufferPool(8);
    const out = Array.from({ length: 9 }, () => pool.take());
    expect(out[8]).to.equal(undefined);
    expect(new Set(out).size).to.equal(9);
    const [first] = out;
    if (first !== undefined) pool.giveBack(first);
    expect(pool.take()).to.equal(first);
    expect(pool.take()).to.equal(undefined);
  });
});

/** What the descriptors of this process lead to. */
async function descriptors(): Promise<string[]> {
  const names = await readdir('/proc/self/fd');
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target.includes('entrepot-fs-')).sort();
}
