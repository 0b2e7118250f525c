import type { Upload } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { BlobWriter } from '../../core/src/store/blob-writer.ts';
import { digestOf, noise } from '../oci/content.ts';
import { Dice } from './dice.ts';

const MIB = 1024 * 1024;

describe('A blob that comes in single bytes', () => {
  it('is not held in as many pieces, each of which would take a hundred times its length', async () => {
    const bytes = noise(MIB + 1);
    const driver = new PieceCounter(1);
    const writer = BlobWriter.begin(driver, 'sha256', 'data');
    for (let at = 0; at < bytes.length; at += 1)
      await writer.write(new Uint8Array(bytes.subarray(at, at + 1)));
    expect(writer.digest()).to.equal(digestOf(bytes));
    const stored = await driver.read(await writer.complete());
    expect(Buffer.compare(stored?.bytes ?? Buffer.alloc(0), bytes)).to.equal(0);
    expect(driver.pieces).to.be.lessThan(200);
  });

  it('is what it was, whatever the lengths of its pieces and of the parts of the driver', async () => {
    for (const partSize of [1, 1000, 70_000, 2 * MIB]) {
      const dice = new Dice(partSize);
      const bytes = noise(3 * MIB, partSize);
      const driver = new PieceCounter(partSize);
      const writer = BlobWriter.begin(driver, 'sha256', 'data');
      for (let at = 0; at < bytes.length;) {
        const length = dice.chance(0.01) ? dice.below(200_000) : dice.below(2_000);
        await writer.write(new Uint8Array(bytes.subarray(at, at + length)));
        at += length;
      }
      expect(writer.digest()).to.equal(digestOf(bytes));
      const stored = await driver.read(await writer.complete());
      expect(Buffer.compare(stored?.bytes ?? Buffer.alloc(0), bytes)).to.equal(0);
    }
  });
});

/** Counts the pieces it is given, and wants parts of some length. */
class PieceCounter extends MemoryDriver {
  pieces = 0;
  readonly #partSize: number;

  constructor(partSize: number) {
    super(new Memory(64 * MIB));
    this.#partSize = partSize;
  }

  override partSize(): number {
    return this.#partSize;
  }

  override uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<string> {
    this.pieces += part.length;
    return super.uploadPart(upload, part);
  }

  override completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    this.pieces += lastPart.length;
    return super.completeUpload(upload, lastPart);
  }
}
