import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WatchedFile } from '@entrepot/plugin-sdk/access';

describe('A watched file', () => {
  let folder: string;
  let path: string;
  let lines: string[];
  let file: WatchedFile<number>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-watched-'));
    path = join(folder, 'numbers');
    lines = [];
    const note = (_details: object, message = ''): void => void lines.push(message);
    const parse = (text: string): number => {
      if (!/^\d+$/.test(text)) throw new Error('it is no number');
      return Number(text);
    };
    const log = { debug: note, info: note, warn: note, error: note };
    file = new WatchedFile({ path, what: 'the file of numbers', maxBytes: 1024 ** 2, parse, log });
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

  it('that has become too large is not read', async () => {
    await writeFile(path, '1');
    await file.open();
    await writeFile(path, '1'.repeat(1024 ** 2 + 1));
    await file.refresh();
    expect(file.content).to.equal(1);
    expect(lines).to.have.length(1);
  });

  it('that breaks or goes changes nothing, and is logged once', async () => {
    await writeFile(path, '1');
    await file.open();
    await writeFile(path, 'broken');
    await file.refresh();
    await file.refresh();
    expect(lines).to.deep.equal(['the file of numbers is broken; what it said before still counts']);
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
