import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { DirectWrites } from '../src/direct-writes.ts';
import { createFile } from '../src/temporary-files.ts';
import { UploadFile } from '../src/upload-files.ts';
import { TemporaryRoot } from './temporary-root.ts';

const MIB = 1024 * 1024;

/** Finds no descriptor the first time. */
class ShortOfDescriptors extends DirectWrites {
  #failures = 1;

  override async open(path: string): Promise<number | undefined> {
    if (this.#failures === 0) return super.open(path);
    this.#failures -= 1;
    throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  }
}

describe('The file of an upload', () => {
  it('goes on when there were no descriptors for a moment, and is closed without an error', async () => {
    const root = await TemporaryRoot.make();
    try {
      const path = join(root.path, 'upload');
      const file = new UploadFile(path, await createFile(path), new ShortOfDescriptors(1));
      const bytes = randomBytes(MIB);
      const failure = await file.write([bytes], 0).catch((error: unknown) => error);
      expect(failure).to.have.property('code', 'EMFILE');
      await file.write([bytes], 0);
      await file.close();
      expect((await readFile(path)).equals(bytes)).to.equal(true);
    } finally {
      await root.destroy();
    }
  });
});
