import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { RotatedFile, type RotatedFileOptions } from '../src/rotated-file.ts';

const HOUR = 3_600_000;

describe('The file of events', () => {
  let folder: string;
  let path: string;
  let now: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-events-'));
    path = join(folder, 'events.jsonl');
    now = Date.now();
  });
  afterEach(() => rm(folder, { recursive: true }));

  function open(options: Partial<RotatedFileOptions> = {}): RotatedFile {
    return new RotatedFile({
      path,
      maxBytes: 1000,
      maxAge: HOUR,
      keepFiles: 2,
      now: () => (now += 1),
      ...options,
    });
  }

  /** The files that have been set aside, the oldest first. */
  async function aside(): Promise<string[]> {
    return (await readdir(folder)).filter((name) => name !== 'events.jsonl').sort();
  }

  it('has a line for each event, in order, and goes on where another process has left off', async () => {
    const first = open();
    await Promise.all(['1', '2'].map((line) => first.add(line)));
    await first.close();
    const second = open();
    await second.add('3');
    await second.close();
    expect(await readFile(path, 'utf8')).to.equal('1\n2\n3\n');
  });

  it('is set aside when it is full, and the oldest go', async () => {
    const file = open({ maxBytes: 250 });
    for (let index = 0; index < 10; index += 1) await file.add(String(index).repeat(99));
    await file.close();
    expect(await readFile(path, 'utf8')).to.equal(`${'8'.repeat(99)}\n${'9'.repeat(99)}\n`);
    const [older, newer, ...others] = await aside();
    expect(others).to.be.empty;
    expect(await readFile(join(folder, older ?? ''), 'utf8')).to.match(/^4+\n5+\n$/);
    expect(await readFile(join(folder, newer ?? ''), 'utf8')).to.match(/^6+\n7+\n$/);
  });

  it('is set aside when it is old', async () => {
    const file = open();
    await file.add('yesterday');
    now += 2 * HOUR;
    await file.add('today');
    await file.close();
    expect(await readFile(path, 'utf8')).to.equal('today\n');
    expect(await aside()).to.have.lengthOf(1);
  });

  it('takes a line that is longer than it may be', async () => {
    const file = open({ maxBytes: 10 });
    await file.add('x'.repeat(50));
    await file.add('y');
    await file.close();
    expect(await readFile(path, 'utf8')).to.equal('y\n');
  });

  it('is written anew when somebody else has set it aside', async () => {
    const file = open();
    await file.add('1');
    await rename(path, `${path}.old`);
    await file.add('2');
    await file.close();
    expect(await readFile(path, 'utf8')).to.equal('2\n');
    expect(await readFile(`${path}.old`, 'utf8')).to.equal('1\n');
  });

  it('says what is wrong, and goes on when it is not any more', async () => {
    const file = open({ path: join(folder, 'absent', 'events.jsonl') });
    let failure: unknown;
    await file.add('1').catch((error: unknown) => (failure = error));
    expect(failure).to.have.property('code', 'ENOENT');
    await file.close();
  });
});
