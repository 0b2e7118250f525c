import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isStorageError, type Upload } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { silent, TemporaryRoot } from '../temporary-root.ts';

const MiB = 1024 * 1024;

/** Mounts a file system of 8 MiB, for which the test has to be run by root. */
describe('a full disk', () => {
  let outside: TemporaryRoot;
  let path: string;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    outside = await TemporaryRoot.make();
    path = join(outside.path, 'disk');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path]);
    driver = new FilesystemDriver({ root: path, fsync: true, log: silent });
    await driver.start();
  });
  afterEach(async () => {
    await driver.stop();
    execFileSync('umount', ['--lazy', path]);
    await outside.destroy();
  });

  /** Uploads until there is no space any more. */
  async function fill(): Promise<Upload> {
    let upload: Upload = { key: 'large', offset: 0, parts: 0, state: await driver.createUpload('large') };
    for (;;) {
      try {
        const state = await driver.uploadPart(upload, [Buffer.alloc(MiB)]);
        upload = { ...upload, state, offset: upload.offset + MiB, parts: upload.parts + 1 };
      } catch (error) {
        expect(isStorageError(error, 'NO_SPACE')).to.equal(true);
        return upload;
      }
    }
  }

  async function whatIsThrown(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      () => 'nothing',
      (error: unknown) => error,
    );
  }

  it('refuses what does not fit with NO_SPACE, leaves what there is, and nothing half-written', async () => {
    const { etag } = await driver.write('a', Buffer.from('1'));
    const upload = await fill();
    const large = Buffer.alloc(MiB);
    for (const options of [{}, { ifAbsent: true }, { ifMatch: etag }]) {
      const key = 'ifAbsent' in options ? 'b' : 'a';
      expect(isStorageError(await whatIsThrown(driver.write(key, large, options)), 'NO_SPACE')).to.equal(
        true,
      );
    }
    expect(isStorageError(await whatIsThrown(driver.completeUpload(upload, [large])), 'NO_SPACE')).to.equal(
      true,
    );
    expect((await driver.read('a'))?.bytes.toString()).to.equal('1');
    expect((await driver.list('', { limit: 10 })).keys).to.deep.equal(['a']);
    expect(await readdir(join(path, 'tmp'))).to.deep.equal([]);
    await driver.health();
    await driver.delete('a');
    expect(await driver.read('a')).to.equal(undefined);
  });

  it('has space again once an upload is aborted, without a restart', async () => {
    const upload = await fill();
    await driver.abortUpload(upload);
    const whole = Buffer.alloc(6 * MiB, 'x');
    await driver.write('a', whole);
    expect(await driver.size('a')).to.equal(whole.length);
  });

  it('lets an upload go on, and be repeated, once something else has been deleted', async () => {
    await driver.write('a', Buffer.alloc(2 * MiB));
    const upload = await fill();
    await driver.delete('a');
    const state = await driver.uploadPart(upload, [Buffer.alloc(MiB, 'y')]);
    await driver.completeUpload(
      { ...upload, state, offset: upload.offset + MiB, parts: upload.parts + 1 },
      [],
    );
    expect(await driver.size('large')).to.equal(upload.offset + MiB);
  });
});
