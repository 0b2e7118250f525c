import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { TemporaryRoot } from './temporary-root.ts';

const theirs = 'docker/registry/v2/blobs/sha256/ab/abcd/data';

describe('the files of another registry in the same root', () => {
  let root: TemporaryRoot;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    driver = await root.driver();
    await mkdir(join(root.path, 'docker/registry/v2/blobs/sha256/ab/abcd'), { recursive: true });
    await writeFile(join(root.path, theirs), 'bytes of a blob');
    await driver.write('data/1', Buffer.from('ours'));
    await driver.write('uploads/1', Buffer.from('ours'));
  });
  afterEach(() => root.destroy());

  const list = async (prefix: string, startAfter = ''): Promise<readonly string[]> =>
    (await driver.list(prefix, { startAfter, limit: 10 })).keys;

  it('are objects under keys that begin with docker/', async () => {
    expect(Buffer.from((await driver.read(theirs))?.bytes ?? []).toString()).to.equal('bytes of a blob');
    expect(await driver.size(theirs)).to.equal(15);
    const object = await driver.open(theirs, { start: 9, end: 99 });
    expect(Buffer.from((await object?.read()) ?? []).toString()).to.equal('a blob');
    await object?.close();
  });

  it('are listed where their keys belong, and nothing else of the root is', async () => {
    expect(await list('')).to.deep.equal(['data/1', theirs, 'uploads/1']);
    expect(await list('', theirs)).to.deep.equal(['uploads/1']);
    expect(await list('d')).to.deep.equal(['data/1', theirs]);
    expect(await list('docker/registry/v2/blobs/')).to.deep.equal([theirs]);
    expect(await list('docker/registry/v2/other/')).to.deep.equal([]);
  });

  it('are written and removed where the other looks for them', async () => {
    const key = 'docker/registry/v2/repositories/team/app/_manifests/tags/v1/current/link';
    await driver.write(key, Buffer.from('sha256:1'), { ifAbsent: true });
    expect(await readFile(join(root.path, key), 'utf8')).to.equal('sha256:1');
    const upload = {
      key: `${key}-large`,
      offset: 0,
      parts: 0,
      state: await driver.createUpload(`${key}-large`),
    };
    await driver.completeUpload(upload, [Buffer.from('large')]);
    expect(await readFile(join(root.path, `${key}-large`), 'utf8')).to.equal('large');
    await driver.delete(key);
    expect(await driver.size(key)).to.equal(undefined);
  });

  it('get a second name here without being copied', async () => {
    expect(await driver.link(theirs, 'data/ab/own')).to.equal(true);
    const [own, other] = await Promise.all([
      stat(join(root.path, 'objects/data/ab/own')),
      stat(join(root.path, theirs)),
    ]);
    expect(own.ino).to.equal(other.ino);
    await driver.delete('data/ab/own');
    expect(await driver.size(theirs)).to.equal(15);
  });
});
