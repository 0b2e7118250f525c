import { link, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { Root } from '../src/root.ts';
import { StaleFiles } from '../src/stale-files.ts';
import { silent, TemporaryRoot } from './temporary-root.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

describe('stale files', () => {
  let root: TemporaryRoot;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
  });
  afterEach(() => root.destroy());

  /** Creates a file that was last written `age` seconds ago. */
  async function file(path: string, age: number): Promise<void> {
    const time = Date.now() / 1000 - age;
    await writeFile(join(root.path, path), 'bytes');
    await utimes(join(root.path, path), time, time);
  }

  /** A driver that has swept once, as each does when it starts, and will not again in this test. */
  async function driverThatHasSwept(): Promise<FilesystemDriver> {
    await new Root(root.path).prepare();
    await file('tmp/of-an-earlier-life', 2 * HOUR);
    const swept = Promise.withResolvers<void>();
    const driver = await root.driver({ log: { ...silent, info: () => swept.resolve() } });
    await swept.promise;
    return driver;
  }

  it('of small writes go after an hour, those of uploads after eight days, and no others', async () => {
    await driverThatHasSwept();
    await file('tmp/fresh', 0.9 * HOUR);
    await file('tmp/stale', 1.1 * HOUR);
    await file('uploads/fresh', 7.9 * DAY);
    await file('uploads/stale', 8.1 * DAY);
    await file('objects/old', 1000 * DAY);
    await new StaleFiles(new Root(root.path), silent).sweep();
    expect(
      (await readdir(root.path, { recursive: true })).filter((name) => /fresh|stale|old/.test(name)).sort(),
    ).to.deep.equal(['objects/old', 'tmp/fresh', 'uploads/fresh']);
  });

  it('may be names of what is visible: the object stays', async () => {
    const driver = await driverThatHasSwept();
    await file('tmp/left-by-a-crash', 2 * HOUR);
    await link(join(root.path, 'tmp/left-by-a-crash'), join(root.path, 'objects/a'));
    await new StaleFiles(new Root(root.path), silent).sweep();
    expect(await readdir(join(root.path, 'tmp'))).to.deep.equal([]);
    expect((await driver.read('a'))?.bytes.toString()).to.equal('bytes');
  });

  it('do not include an upload that goes on, whose parts renew its time', async () => {
    const driver = await driverThatHasSwept();
    const upload = { key: 'a', offset: 0, parts: 0, state: await driver.createUpload('a') };
    const [name = ''] = await readdir(join(root.path, 'uploads'));
    await utimes(join(root.path, 'uploads', name), 1, 1);
    await driver.uploadPart(upload, [Buffer.from('1')]);
    await new StaleFiles(new Root(root.path), silent).sweep();
    await driver.completeUpload({ ...upload, offset: 1, parts: 1 }, []);
    expect(await driver.size('a')).to.equal(1);
  });

  it('that cannot be removed are told to the log, and break nothing', async () => {
    const warnings: object[] = [];
    await new StaleFiles(new Root(join(root.path, 'absent')), {
      ...silent,
      warn: (details) => warnings.push(details),
    }).sweep();
    expect(warnings).to.have.length(1);
  });
});
