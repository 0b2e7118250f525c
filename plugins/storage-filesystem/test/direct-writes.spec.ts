import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { DirectWrites } from '../src/direct-writes.ts';
import { TemporaryRoot } from './temporary-root.ts';

const MIB = 1024 * 1024;

describe('writes around the page cache', () => {
  let root: TemporaryRoot;
  let path: string;
  let fd: number;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    path = join(root.path, 'file');
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
  });
  afterEach(async () => {
    closeSync(fd);
    await root.destroy();
  });

  it('are for whole blocks at the border of a block, when they are worth it', () => {
    const writes = new DirectWrites(1);
    expect(writes.applicable(0, 100_000)).to.equal(98_304);
    expect(writes.applicable(4096 * 7, MIB)).to.equal(MIB);
    expect(writes.applicable(1, MIB)).to.equal(0);
    expect(writes.applicable(0, 65_535)).to.equal(0);
  });

  it('write what they say they have written, however it is cut into chunks', async () => {
    const bytes = randomBytes(3 * MIB);
    const chunks = [0, 1, 0, 4095, 70_000, MIB, 2 * MIB].map((length, index, lengths) => {
      const start = lengths.slice(0, index).reduce((sum, before) => sum + before, 0);
      return bytes.subarray(start, start + length);
    });
    const writes = new DirectWrites(1);
    const direct = await writes.open(path);
    // A file system that knows no such writes is no failure: then there is nothing to be seen here.
    if (direct === undefined) return;
    try {
      const length = writes.applicable(0, bytes.length);
      const written = await writes.write(direct, chunks, length, 0);
      expect(written).to.equal(length);
      expect((await readFile(path)).equals(bytes.subarray(0, written))).to.equal(true);
    } finally {
      closeSync(direct);
    }
  });

  it('leave all to the caller while their buffers are out', async () => {
    const writes = new DirectWrites(1);
    const bytes = [randomBytes(MIB)];
    const [first, second] = await Promise.all([
      writes.write(fd, bytes, MIB, 0),
      writes.write(fd, bytes, MIB, MIB),
    ]);
    expect([first, second]).to.deep.equal([MIB, 0]);
    expect(await writes.write(fd, bytes, MIB, MIB)).to.equal(MIB);
  });

  it('are not tried again once they are refused for what they are', async () => {
    const writes = new DirectWrites(1);
    // The files of /proc have no disk that could be written directly.
    if (process.platform === 'linux') expect(await writes.open('/proc/self/comm')).to.equal(undefined);
    else expect(constants).not.to.have.property('O_DIRECT');
    expect(writes.applicable(0, MIB)).to.equal(0);
  });

  it('tell every other failure', async () => {
    const readOnly = openSync(path, constants.O_RDONLY);
    const failure = await new DirectWrites(1).write(readOnly, [randomBytes(MIB)], MIB, 0).then(
      () => undefined,
      (error: unknown) => error,
    );
    closeSync(readOnly);
    expect(failure).to.have.property('code', 'EBADF');
  });
});

describe('an upload whose parts begin and end anywhere', () => {
  it('is what came, also when another process goes on with it or it goes back', async () => {
    const root = await TemporaryRoot.make();
    try {
      const drivers = [await root.driver(), await root.driver()];
      const bytes = randomBytes(9 * MIB + 123);
      const [first, second] = drivers;
      if (first === undefined || second === undefined) throw new RangeError('two drivers');
      let upload = { key: 'a', offset: 0, parts: 0, state: await first.createUpload('a') };
      const ends = [MIB, MIB + 1, 2 * MIB + 4095, 3 * MIB, 3 * MIB + 65_536, 5 * MIB + 7, 8 * MIB];
      for (const [index, end] of ends.entries()) {
        const driver = index % 2 === 0 ? first : second;
        const before = upload;
        for (const part of [randomBytes(end - upload.offset), bytes.subarray(upload.offset, end)]) {
          const state = await driver.uploadPart(before, [part]);
          upload = { key: 'a', offset: end, parts: before.parts + 1, state };
        }
      }
      await second.completeUpload(upload, [bytes.subarray(upload.offset)]);
      expect((await readFile(join(root.path, 'objects/a'))).equals(bytes)).to.equal(true);
    } finally {
      await root.destroy();
    }
  });
});
