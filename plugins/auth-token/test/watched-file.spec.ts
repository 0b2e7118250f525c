import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WatchedFile } from '../src/watched-file.ts';

describe('A file of keys', () => {
  let folder: string;
  let path: string;
  let lines: string[];
  let file: WatchedFile<number>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-keys-'));
    path = join(folder, 'keys');
    lines = [];
    const note = (_details: object, message = ''): void => void lines.push(message);
    const parse = (text: string): number => {
      if (!/^\d+$/.test(text)) throw new Error('it is no number');
      return Number(text);
    };
    file = new WatchedFile(path, parse, { debug: note, info: note, warn: note, error: note });
  });
  afterEach(async () => {
    file.close();
    await rm(folder, { recursive: true });
  });

  it('that is absent, broken or too large keeps the registry from starting, and is named', async () => {
    for (const text of [undefined, 'x', '1'.repeat(1024 ** 2 + 1)]) {
      if (text !== undefined) await writeFile(path, text);
      const reason = await file.open().then(
        () => 'open',
        (error: unknown) => String(error),
      );
      expect(reason).to.include(path);
    }
  });

  it('is read again when it changes', async () => {
    await writeFile(path, '1');
    await file.open();
    expect(file.content).to.equal(1);
    await writeFile(path, '22');
    await file.refresh();
    expect(file.content).to.equal(22);
  });

  it('that breaks or goes changes nothing, and is logged once', async () => {
    await writeFile(path, '1');
    await file.open();
    await writeFile(path, 'broken');
    await file.refresh();
    await file.refresh();
    expect(lines).to.deep.equal(['the file of keys is broken; the keys stay as they were']);
    await rm(path);
    await file.refresh();
    await file.refresh();
    expect(lines).to.have.length(2);
    expect(file.content).to.equal(1);
    await writeFile(path, '2');
    await file.refresh();
    expect(file.content).to.equal(2);
  });
});
