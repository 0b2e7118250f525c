import { readdir, readFile, readlink, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError, type Upload } from '@entrepot/plugin-sdk';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { without } from '../src/temporary-files.ts';
import { TemporaryRoot } from './temporary-root.ts';

describe('uploads', () => {
  let root: TemporaryRoot;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    driver = await root.driver();
  });
  afterEach(() => root.destroy());

  async function begin(key: string): Promise<Upload> {
    return { key, offset: 0, parts: 0, state: await driver.createUpload(key) };
  }

  async function add(upload: Upload, text: string, by = driver): Promise<Upload> {
    const part = Buffer.from(text);
    const state = await by.uploadPart(upload, [part]);
    return { key: upload.key, offset: upload.offset + part.length, parts: upload.parts + 1, state };
  }

  async function whatIsThrown(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      () => 'nothing',
      (error: unknown) => error,
    );
  }

  const object = (key: string): string => join(root.path, 'objects', key);
  const unfinished = async (): Promise<string[]> => {
    const names = await readdir(join(root.path, 'uploads'));
    return names.map((name) => join(root.path, 'uploads', name));
  };

  it('become the object itself: completing one moves no bytes and leaves nothing behind', async () => {
    const upload = await add(await begin('a/b'), 'bytes');
    const [file = ''] = await unfinished();
    const { ino } = await stat(file);
    await driver.completeUpload(upload, [Buffer.from(' and more')]);
    expect((await stat(object('a/b'))).ino).to.equal(ino);
    expect(await readFile(object('a/b'), 'utf8')).to.equal('bytes and more');
    expect(await unfinished()).to.deep.equal([]);
  });

  it('take a part in any number of chunks, empty ones too', async () => {
    const chunks = Array.from({ length: 3000 }, (_, index) =>
      Buffer.from(index % 5 === 0 ? '' : String(index)),
    );
    await driver.completeUpload(await begin('a'), chunks);
    expect(await readFile(object('a'), 'utf8')).to.equal(Buffer.concat(chunks).toString());
  });

  it('are unknown once another process has completed them: no part gets into what is visible', async () => {
    const other = await root.driver();
    const upload = await add(await begin('a'), 'bytes');
    await other.completeUpload(upload, []);
    expect(isStorageError(await whatIsThrown(add(upload, 'late')), 'UPLOAD_UNKNOWN')).to.equal(true);
    expect(
      isStorageError(
        await whatIsThrown(driver.completeUpload(upload, [Buffer.from('late')])),
        'UPLOAD_UNKNOWN',
      ),
    ).to.equal(true);
    await driver.abortUpload(upload);
    expect(await readFile(object('a'), 'utf8')).to.equal('bytes');
  });

  it('are complete when completing is repeated because the answer was lost', async () => {
    const upload = await add(await begin('a'), 'bytes');
    await driver.completeUpload(upload, [Buffer.from('!')]);
    await driver.completeUpload(upload, [Buffer.from('!')]);
    const next = await root.driver();
    await next.completeUpload(upload, [Buffer.from('!')]);
    expect(await readFile(object('a'), 'utf8')).to.equal('bytes!');
  });

  it('are unknown when their file is gone, or shorter than what was acknowledged', async () => {
    const upload = await add(await begin('a'), 'bytes');
    const [file = ''] = await unfinished();
    await truncate(file, 4);
    expect(isStorageError(await whatIsThrown(add(upload, 'more')), 'UPLOAD_UNKNOWN')).to.equal(true);
    expect(isStorageError(await whatIsThrown(driver.completeUpload(upload, [])), 'UPLOAD_UNKNOWN')).to.equal(
      true,
    );
    await rm(file);
    expect(isStorageError(await whatIsThrown(add(upload, 'more')), 'UPLOAD_UNKNOWN')).to.equal(true);
    expect(isStorageError(await whatIsThrown(driver.completeUpload(upload, [])), 'UPLOAD_UNKNOWN')).to.equal(
      true,
    );
    expect(await driver.size('a')).to.equal(undefined);
  });

  it('are unknown for a state that is none of this driver, wherever it points', async () => {
    await driver.write('victim', Buffer.from('1'));
    for (const state of [
      null,
      1,
      'x',
      [],
      {},
      { file: '' },
      { file: '../objects/victim' },
      { file: 'x'.repeat(36) },
    ]) {
      const upload = { key: 'a', offset: 0, parts: 0, state };
      expect(
        isStorageError(await whatIsThrown(driver.uploadPart(upload, [Buffer.from('x')])), 'UPLOAD_UNKNOWN'),
      ).to.equal(true);
      expect(
        isStorageError(await whatIsThrown(driver.completeUpload(upload, [])), 'UPLOAD_UNKNOWN'),
      ).to.equal(true);
      await driver.abortUpload(upload);
    }
    expect(await readFile(object('victim'), 'utf8')).to.equal('1');
  });

  it('go on, 150 at once, though not so many files stay open', async () => {
    let uploads = await Promise.all(Array.from({ length: 150 }, (_, index) => begin(`many/${index}`)));
    for (const text of ['one ', 'two ', 'three'])
      uploads = await Promise.all(uploads.map((upload) => add(upload, `${upload.key}:${text}`)));
    while ((await openUploads()) > 64) await new Promise(setImmediate);
    await Promise.all(uploads.map((upload) => driver.completeUpload(upload, [])));
    for (const { key } of uploads)
      expect(await readFile(object(key), 'utf8')).to.equal(`${key}:one ${key}:two ${key}:three`);
    while ((await openUploads()) > 0) await new Promise(setImmediate);
  });

  it('are sent to the disk on the way, and are whole in the end', async () => {
    const part = Buffer.alloc(8 * 1024 * 1024);
    let upload = await begin('a');
    for (let round = 0; round < 10; round += 1) {
      part.fill(round);
      upload = {
        ...upload,
        state: await driver.uploadPart(upload, [part]),
        offset: upload.offset + part.length,
      };
    }
    await driver.completeUpload(upload, []);
    const bytes = await readFile(object('a'));
    expect(bytes.length).to.equal(10 * part.length);
    for (let round = 0; round < 10; round += 1) {
      expect(
        bytes.subarray(round * part.length, (round + 1) * part.length).equals(part.fill(round)),
      ).to.equal(true);
    }
  });

  it('give their space back when they are aborted, also by another process', async () => {
    const other = await root.driver();
    const upload = await add(await begin('a'), 'bytes');
    await other.abortUpload(upload);
    expect(await unfinished()).to.deep.equal([]);
    await driver.abortUpload(upload);
    expect(isStorageError(await whatIsThrown(add(upload, 'more')), 'UPLOAD_UNKNOWN')).to.equal(true);
    while ((await openUploads()) > 0) await new Promise(setImmediate);
  });

  it('write on after a short write, from where it ended', () => {
    const chunks = ['ab', 'cde', 'f'].map((text) => Buffer.from(text));
    const rests = Array.from({ length: 7 }, (_, count) => without(chunks, count).map(String));
    expect(rests).to.deep.equal([
      ['ab', 'cde', 'f'],
      ['b', 'cde', 'f'],
      ['cde', 'f'],
      ['de', 'f'],
      ['e', 'f'],
      ['f'],
      [],
    ]);
  });

  /** How many descriptors of this process lead to unfinished uploads, removed ones included. */
  async function openUploads(): Promise<number> {
    const names = await readdir('/proc/self/fd');
    const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return targets.filter((target) => target.startsWith(root.path) && !target.includes('/locks/')).length;
  }
});
