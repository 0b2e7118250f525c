import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { silent, TemporaryRoot } from './temporary-root.ts';

describe('the root', () => {
  let root: TemporaryRoot;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
  });
  afterEach(() => root.destroy());

  async function whatIsThrown(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      () => 'nothing',
      (error: unknown) => error,
    );
  }

  it('is created with its parents, and nothing is left of trying it out', async () => {
    const path = join(root.path, 'var', 'lib', 'registry');
    const driver = new FilesystemDriver({ root: path, fsync: true, log: silent });
    await driver.start();
    await driver.health();
    await driver.stop();
    expect((await readdir(path, { recursive: true })).sort()).to.deep.equal([
      'locks',
      'objects',
      'tmp',
      'uploads',
    ]);
  });

  it('is refused where there is a file, with a message that says which path', async () => {
    const path = join(root.path, 'file');
    await writeFile(path, '');
    const driver = new FilesystemDriver({ root: path, fsync: true, log: silent });
    const error = await whatIsThrown(driver.start());
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    expect(String(error)).to.include(path);
  });

  it('that has vanished is UNAVAILABLE, never empty, and nothing is created in its place; it comes back by itself', async () => {
    const driver = await root.driver();
    const known = await driver.write('a/b', Buffer.from('1'));
    const state = await driver.createUpload('large');
    const upload = { key: 'large', offset: 0, parts: 0, state };
    await rename(root.path, `${root.path}-away`);
    await mkdir(root.path);
    const calls = {
      read: () => driver.read('a/b'),
      'read known': () => driver.read('a/b', known),
      write: () => driver.write('a/b', Buffer.from('2')),
      'write ifAbsent': () => driver.write('a/b', Buffer.from('2'), { ifAbsent: true }),
      'write ifMatch': () => driver.write('a/b', Buffer.from('2'), { ifMatch: known.etag }),
      delete: () => driver.delete('a/b'),
      'delete ifMatch': () => driver.delete('a/b', { ifMatch: known.etag }),
      list: () => driver.list('', { limit: 1 }),
      'list below': () => driver.list('a/', { limit: 1 }),
      open: () => driver.open('a/b'),
      size: () => driver.size('a/b'),
      createUpload: () => driver.createUpload('other'),
      uploadPart: () => driver.uploadPart(upload, [Buffer.from('1')]),
      completeUpload: () => driver.completeUpload(upload, [Buffer.from('1')]),
      abortUpload: () => driver.abortUpload(upload),
      health: () => driver.health(),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect(isStorageError(await whatIsThrown(call()), 'UNAVAILABLE'), name).to.equal(true);
    }
    expect(await readdir(root.path)).to.deep.equal([]);
    await rm(root.path, { recursive: true });
    await rename(`${root.path}-away`, root.path);
    await driver.health();
    expect((await driver.read('a/b'))?.bytes.toString()).to.equal('1');
    await driver.uploadPart(upload, [Buffer.from('1')]);
  });

  it('says what is wrong with it in errors whose messages show no path', async () => {
    const driver = await root.driver();
    await rm(join(root.path, 'tmp'), { recursive: true });
    const error = await whatIsThrown(driver.write('a', Buffer.from('1')));
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    expect(String(error)).not.to.include(root.path);
    expect(String(error)).to.include('ENOENT');
    expect(error).to.have.property('cause');
  });

  it('may lose a folder while it is used: the next name is made in a new one', async () => {
    const driver = await root.driver();
    await driver.write('a/b/c', Buffer.from('1'));
    await rm(join(root.path, 'objects', 'a'), { recursive: true });
    expect(await driver.read('a/b/c')).to.equal(undefined);
    await driver.delete('a/b/c');
    await driver.write('a/b/c', Buffer.from('2'), { ifAbsent: true });
    expect((await driver.read('a/b/c'))?.bytes.toString()).to.equal('2');
  });
});
