import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { DistantDriver } from '@entrepot/storage-simulator';
import { expect } from 'chai';
import { tableOf } from '../docs/markdown.ts';
import { heading, measure, rowOf } from './measurement.ts';
import { operations } from './operations.ts';
import { Rounds } from './rounds.ts';

const page = 'docs/performance.md';

describe('A storage that works in rounds', () => {
  const rounds = new Rounds();
  const driver = new DistantDriver(new MemoryDriver(new Memory(100)), rounds);

  it('takes calls that wait for nothing but themselves in one round', async () => {
    const taken = await rounds.during(() => Promise.all(['a', 'b', 'c'].map((key) => driver.size(key))));
    expect(taken.map((round) => round.map(({ key }) => key))).to.deep.equal([['a', 'b', 'c']]);
  });

  it('takes a call that needs the answer of another in a later round', async () => {
    const taken = await rounds.during(async () => {
      await driver.write('a', new Uint8Array(1));
      await Promise.all([driver.read('a'), driver.size('b')]);
    });
    expect(taken.map((round) => round.map(({ verb }) => verb))).to.deep.equal([['write'], ['read', 'size']]);
  });

  it('counts what comes after the answer', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const taken = await rounds.during(async () => {
      await driver.size('a');
      late = driver.size('b');
    });
    await late;
    expect(taken).to.have.length(2);
  });
});

describe(`The table of round trips in ${page}`, () => {
  const rows = tableOf(page, ...heading);

  it('has a row for each operation (test/round-trips/write-table.ts fills it in)', () => {
    expect(rows.map(([title]) => title)).to.deep.equal(operations.map(({ title }) => title));
  });

  for (const operation of operations) {
    it(`says what it takes of storage: ${operation.title}`, async () => {
      const row = rows.find(([title]) => title === operation.title);
      expect(row).to.deep.equal(rowOf(operation, await measure(operation)));
    });
  }
});
