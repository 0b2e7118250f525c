import { symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError } from '@entrepot/plugin-sdk';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { Stamp } from '../src/stamp.ts';
import { TemporaryRoot } from './temporary-root.ts';

describe('small files', () => {
  let root: TemporaryRoot;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    driver = await root.driver({ fsync: false });
  });
  afterEach(() => root.destroy());

  it('that another process rewrites 1,000 times in a row, as long as they were, are never read stale', async () => {
    const other = await root.driver({ fsync: false });
    let known = await driver.write('a', Buffer.from('0000'));
    for (let round = 1; round <= 1000; round += 1) {
      const content = String(round).padStart(4, '0');
      await other.write('a', Buffer.from(content));
      const object = await driver.read('a', known);
      expect(Buffer.from(object?.bytes ?? []).toString()).to.equal(content);
      known = object ?? known;
    }
  });

  it('are the known object itself while they say the same, even when their file is another one', async () => {
    const written = await driver.write('a', Buffer.from('1'));
    expect(await driver.read('a', written)).to.equal(written);
    await driver.write('a', Buffer.from('1'));
    expect(await driver.read('a', written)).to.equal(written);
    await driver.write('a', Buffer.from('2'));
    expect(await driver.read('a', written)).not.to.equal(written);
  });

  it('are found changed by another driver that knows the version before, also when they are long at rest', async () => {
    const file = join(root.path, 'objects', 'a');
    const other = await root.driver();
    await driver.write('a', Buffer.from('1'));
    await utimes(file, 1, 1);
    const known = await other.read('a');
    await driver.write('a', Buffer.from('2'));
    await utimes(file, 1, 1);
    expect((await other.read('a', known))?.bytes.toString()).to.equal('2');
  });

  it('may be known from anywhere: an object of another driver is no reason to believe it', async () => {
    await driver.write('a', Buffer.from('1'));
    const stranger = { bytes: Buffer.from('x'), etag: 'x' };
    expect((await driver.read('a', stranger))?.bytes.toString()).to.equal('1');
    expect(await driver.read('b', stranger)).to.equal(undefined);
  });

  it('have at most 16 MiB: more is neither written nor read', async () => {
    const large = Buffer.alloc(16 * 1024 * 1024 + 1);
    const refused = await driver.write('a', large).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(RangeError);
    await driver.completeUpload(
      { key: 'large', offset: 0, parts: 0, state: await driver.createUpload('large') },
      [large],
    );
    const unread = await driver.read('large').catch((error: unknown) => error);
    expect(isStorageError(unread, 'UNAVAILABLE')).to.equal(true);
    const whole = large.subarray(1);
    await driver.write('a', whole);
    expect((await driver.read('a'))?.bytes.length).to.equal(whole.length);
  });

  it('are files: directories, symbolic links and what is below a file are absent', async () => {
    await driver.write('a/b', Buffer.from('1'));
    await writeFile(join(root.path, 'elsewhere'), 'secret');
    await symlink(join(root.path, 'elsewhere'), join(root.path, 'objects', 'link'));
    for (const key of ['a', 'link', 'a/b/c']) {
      expect(await driver.read(key), key).to.equal(undefined);
      expect(await driver.open(key), key).to.equal(undefined);
      expect(await driver.size(key), key).to.equal(undefined);
    }
    expect((await driver.list('', { limit: 10 })).keys).to.deep.equal(['a/b']);
  });

  it('have keys: what is no key never gets near the disk', async () => {
    for (const key of [
      '',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      '../objects/a',
      'a\0',
      'ä',
      'a'.repeat(256),
    ]) {
      for (const call of [
        driver.read(key),
        driver.write(key, Buffer.from('1')),
        driver.delete(key),
        driver.open(key),
        driver.size(key),
        driver.createUpload(key),
      ]) {
        expect(
          await call.then(
            () => 'done',
            (error: unknown) => error,
          ),
          key,
        ).to.be.instanceOf(TypeError);
      }
    }
    expect((await driver.list('', { limit: 10 })).keys).to.deep.equal([]);
  });

  describe('stamps', () => {
    const file = { ino: 1, size: 1, mtimeMs: 1_000_000.5, ctimeMs: 1_000_000.5 };

    it('vouch for a file that was left alone for longer than the clock of a file system may stand still', () => {
      expect(new Stamp(file, 1_000_051).vouches(file)).to.equal(true);
      expect(new Stamp(file, 1_000_050).vouches(file)).to.equal(false);
      expect(new Stamp(file, 999_000).vouches(file)).to.equal(false);
    });

    it('ask for more patience where times are whole seconds', () => {
      const coarse = { ...file, mtimeMs: 1_000_000, ctimeMs: 1_000_000 };
      expect(new Stamp(coarse, 1_002_000).vouches(coarse)).to.equal(false);
      expect(new Stamp(coarse, 1_003_000).vouches(coarse)).to.equal(true);
    });

    it('vouch for nothing once anything is different', () => {
      const stamp = new Stamp(file, 2_000_000);
      for (const name of ['ino', 'size', 'mtimeMs', 'ctimeMs'] as const) {
        expect(stamp.vouches({ ...file, [name]: file[name] + 1 }), name).to.equal(false);
      }
    });
  });
});
