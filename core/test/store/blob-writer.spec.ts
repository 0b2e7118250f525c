import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { StorageError } from '@entrepot/plugin-sdk';
import { digestOf } from '../../src/digest.ts';
import { BlobWriter } from '../../src/store/blob-writer.ts';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver, type Call } from './recording-driver.ts';

const MIB = 1024 * 1024;
const key = 'data/aa/blob';

/** All that the driver has under the key that `complete` gave. */
async function contentOf(driver: RecordingDriver, data: string): Promise<Buffer> {
  const object = await driver.open(data);
  const chunks: Uint8Array[] = [];
  for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read()) {
    chunks.push(chunk.slice());
  }
  await object?.close();
  return Buffer.concat(chunks);
}

/** Copies of the pieces of `bytes` between these lengths: the writer may do with them what it likes. */
function pieces(bytes: Buffer, lengths: readonly number[]): Uint8Array[] {
  let start = 0;
  const cut = lengths.map((length) => new Uint8Array(bytes.subarray(start, (start += length))));
  return [...cut, new Uint8Array(bytes.subarray(start))];
}

describe('A blob writer', () => {
  for (const partSize of [1, 5, 100_000, MIB, 3 * MIB]) {
    it(`gives the driver whole parts of ${partSize} bytes and all bytes in order, however they come`, async () => {
      const all = randomBytes(7 * MIB + 3);
      const lengths = fc.array(fc.oneof(fc.nat(1_500_000), fc.nat(10)), { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(lengths, fc.nat(all.length), async (cuts, size) => {
          const bytes = all.subarray(0, size);
          const driver = new RecordingDriver({ partSize });
          const writer = BlobWriter.begin(driver, 'sha256', key);
          for (const chunk of pieces(bytes, cuts)) await writer.write(chunk);
          expect(writer.offset).to.equal(size);
          expect(writer.digest()).to.equal(digestOf(bytes));
          const data = await writer.complete();
          for (const part of driver.parts.slice(0, -1)) {
            expect(part).to.be.greaterThan(0);
            expect(part % partSize).to.equal(0);
          }
          expect((await contentOf(driver, data)).equals(bytes)).to.equal(true);
          expect(driver.openUploads.size).to.equal(0);
        }),
        { numRuns: 12 },
      );
    });
  }

  it('makes no upload of what never fills a part: it is written in one go', async () => {
    for (const [partSize, size] of [
      [1, MIB - 1],
      [3 * MIB, 3 * MIB - 1],
      [1, 0],
    ] as const) {
      const driver = new RecordingDriver({ partSize });
      const writer = BlobWriter.begin(driver, 'sha256', key);
      await writer.write(randomBytes(size));
      await writer.complete();
      expect(driver.texts).to.deep.equal(['write data']);
    }
  });

  it('holds no more than two parts: it waits for the driver before it takes more', async () => {
    const driver = new RecordingDriver();
    const released = Promise.withResolvers<void>();
    driver.before = ({ verb }) => (verb === 'uploadPart' ? released.promise : undefined);
    const writer = BlobWriter.begin(driver, 'sha256', key);
    let taken = 0;
    const writing = (async () => {
      for (let chunk = 0; chunk < 100; chunk += 1) {
        await writer.write(new Uint8Array(65_536));
        taken += 65_536;
      }
    })();
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).to.be.within(MIB, 2 * MIB);
    expect(driver.parts).to.have.lengthOf(1);
    released.resolve();
    await writing;
    await writer.complete();
    expect(driver.parts.reduce((sum, length) => sum + length, 0)).to.equal(100 * 65_536);
  });

  it('gathers the next part while one is on its way', async () => {
    const driver = new RecordingDriver();
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    driver.before = async ({ verb }) => {
      if (verb !== 'uploadPart') return;
      reached.resolve();
      await released.promise;
    };
    const writer = BlobWriter.begin(driver, 'sha256', key);
    await writer.write(new Uint8Array(MIB));
    await reached.promise;
    await writer.write(new Uint8Array(MIB - 1));
    expect(writer.offset).to.equal(2 * MIB - 1);
    expect(writer.position.partsEnd).to.equal(0);
    released.resolve();
    await writer.pause();
    expect(writer.position.partsEnd).to.equal(2 * MIB - 1);
  });

  it('frees the memory of chunks that the driver has taken', async () => {
    const writer = BlobWriter.begin(new RecordingDriver(), 'sha256', key);
    const chunk = new Uint8Array(MIB);
    const view = new Uint8Array(new ArrayBuffer(MIB), 10, 100);
    await writer.write(view);
    await writer.write(chunk);
    await writer.pause();
    expect(chunk.length).to.equal(0);
    expect(view.length).to.equal(100);
  });

  it('tells the failure of a part, whatever is called next', async () => {
    for (const next of ['write', 'pause', 'complete'] as const) {
      const driver = new RecordingDriver();
      const failure = new StorageError('UNAVAILABLE', 'down');
      driver.before = ({ verb }: Call) => {
        if (verb === 'uploadPart') throw failure;
      };
      const writer = BlobWriter.begin(driver, 'sha256', key);
      await writer.write(new Uint8Array(MIB));
      const told = next === 'write' ? writer.write(new Uint8Array(MIB)) : writer[next]();
      expect(await rejectionOf(told)).to.equal(failure);
      await writer.abort();
      expect(driver.openUploads.size).to.equal(0);
    }
  });

  it('gives the space back when it is aborted, once what is on its way has settled', async () => {
    const driver = new RecordingDriver();
    const writer = BlobWriter.begin(driver, 'sha256', key);
    await writer.write(new Uint8Array(3 * MIB));
    await writer.abort();
    expect(driver.openUploads.size).to.equal(0);
    expect(driver.isBefore('uploadPart data', 'abortUpload data')).to.equal(true);
    expect(await driver.size(key)).to.equal(undefined);
  });

  it('asks for nothing when it is aborted before its first part', async () => {
    const driver = new RecordingDriver();
    const writer = BlobWriter.begin(driver, 'sha256', key);
    await writer.write(new Uint8Array(100));
    await writer.abort();
    expect(driver.texts).to.deep.equal([]);
  });

  it('pauses with a tail that is no whole part, from which another writer goes on', async () => {
    for (const partSize of [1, 5, 400_000]) {
      const driver = new RecordingDriver({ partSize });
      const bytes = randomBytes(4 * MIB + 17);
      let position = { data: key, parts: 0, partsEnd: 0, state: undefined } as BlobWriter['position'];
      let tail: Uint8Array = new Uint8Array();
      for (const chunk of pieces(bytes, [1, 3, 2 * MIB, 0, 1_300_000])) {
        const writer = new BlobWriter(driver, 'sha256', position, undefined);
        writer.restore(tail);
        await writer.write(chunk);
        tail = new Uint8Array(await writer.pause());
        ({ position } = writer);
        expect(tail.length).to.be.below(partSize);
        expect(position.partsEnd % partSize).to.equal(0);
      }
      const last = new BlobWriter(driver, 'sha256', position, undefined);
      last.restore(tail);
      expect(last.digest()).to.equal(undefined);
      expect((await contentOf(driver, await last.complete())).equals(bytes)).to.equal(true);
    }
  });
});
