import { expect } from 'chai';
import { StorageError } from '@entrepot/plugin-sdk';
import { jsonFormat, Records } from '../../src/store/records.ts';
import { keepLog } from '../plugins/log-lines.ts';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';
import { quiet } from './stored-content.ts';

interface Counter {
  readonly count: number;
}
const format = jsonFormat<Counter>(({ count }) => (typeof count === 'number' ? { count } : undefined));
const key = 'catalog/app';

describe('Records', () => {
  let driver: RecordingDriver;
  /** Two processes on one storage. */
  let one: Records<Counter>;
  let other: Records<Counter>;
  beforeEach(() => {
    driver = new RecordingDriver();
    one = new Records(driver, format, { log: quiet, cacheBytes: 100_000 });
    other = new Records(driver, format, { log: quiet, cacheBytes: 100_000 });
  });
  const countIn = async (records: Records<Counter>): Promise<number | undefined> =>
    (await records.read(key))?.value.count;

  it('are absent before they are created, and created once', async () => {
    expect(await countIn(one)).to.equal(undefined);
    const outcomes = await Promise.all([one.create(key, { count: 1 }), other.create(key, { count: 2 })]);
    expect(outcomes.filter((outcome) => outcome !== undefined)).to.have.lengthOf(1);
    expect(await countIn(one)).to.equal(await countIn(other));
    expect(await one.create(key, { count: 3 })).to.equal(undefined);
  });

  it('show at once what another process has written or deleted, though they remember', async () => {
    await one.create(key, { count: 1 });
    expect(await countIn(one)).to.equal(1);
    await other.update(key, () => ({ count: 2 }));
    expect(await countIn(one)).to.equal(2);
    await other.delete(key);
    expect(await countIn(one)).to.equal(undefined);
  });

  it('are parsed once as long as they stand', async () => {
    let parsed = 0;
    const counting = { ...format, decode: (bytes: Uint8Array) => ((parsed += 1), format.decode(bytes)) };
    await one.create(key, { count: 1 });
    const records = new Records(driver, counting, { log: quiet, cacheBytes: 100_000 });
    for (let time = 0; time < 5; time += 1) await records.read(key);
    expect(parsed).to.equal(1);
    expect(driver.texts.filter((text) => text === 'read catalog').length).to.be.at.least(5);
  });

  it('lose no update, however many processes change them at once', async () => {
    await one.create(key, { count: 0 });
    const increment = (records: Records<Counter>) =>
      records.update(key, (current) => ({ count: (current?.count ?? 0) + 1 }));
    await Promise.all(Array.from({ length: 30 }, (_, index) => increment(index % 2 === 0 ? one : other)));
    expect(await countIn(one)).to.equal(30);
  });

  it('are changed by what they are at the moment of the change', async () => {
    await one.create(key, { count: 1 });
    const seen: (number | undefined)[] = [];
    driver.before = async ({ verb }) => {
      if (verb !== 'write') return;
      driver.before = () => undefined;
      await other.update(key, () => ({ count: 10 }));
    };
    await one.update(key, (current) => {
      seen.push(current?.count);
      return { count: (current?.count ?? 0) + 1 };
    });
    expect(seen).to.deep.equal([1, 10]);
    expect(await countIn(one)).to.equal(11);
  });

  it('stay as they are when a change says so, and when it throws', async () => {
    await one.create(key, { count: 1 });
    driver.forget();
    expect((await one.update(key, () => undefined))?.value.count).to.equal(1);
    const refusal = new Error('the condition does not hold');
    const thrown = one.update(key, () => {
      throw refusal;
    });
    expect(await rejectionOf(thrown)).to.equal(refusal);
    expect(driver.changes).to.deep.equal([]);
    expect(await one.update('catalog/none', () => undefined)).to.equal(undefined);
  });

  it('give up, rather than go on for ever, when every attempt is overtaken', async () => {
    await one.create(key, { count: 0 });
    let writes = 0;
    driver.before = ({ verb }) => {
      if (verb !== 'write') return;
      writes += 1;
      throw new StorageError('PRECONDITION_FAILED', 'overtaken');
    };
    const error = await rejectionOf(one.update(key, () => ({ count: 1 })));
    expect(error.message).to.include('gave up').and.include(key);
    expect(writes).to.equal(100);
  });

  it('are replaced and deleted by version', async () => {
    const first = await one.create(key, { count: 1 });
    const second = await other.update(key, () => ({ count: 2 }));
    if (first === undefined || second === undefined) throw new Error('nothing was written');
    expect(await one.replace(key, { count: 3 }, first)).to.equal(undefined);
    expect(await one.delete(key, first)).to.equal(false);
    expect(await countIn(one)).to.equal(2);
    expect((await one.replace(key, { count: 3 }, second))?.value.count).to.equal(3);
    await one.delete(key);
    expect(await countIn(other)).to.equal(undefined);
  });

  it('are never byte-identical twice, so that a version cannot come back', async () => {
    const spelled = Array.from({ length: 50 }, () => Buffer.from(format.encode({ count: 1 })).toString());
    expect(new Set(spelled).size).to.equal(50);
  });

  for (const [what, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{"count":')],
    ['JSON of another kind', Buffer.from('[1]')],
    ['of another shape', Buffer.from('{"number":1}')],
    ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00])],
  ] as const) {
    it(`that are ${what} count as absent, are logged, and may be written over`, async () => {
      const { log, lines } = await keepLog();
      const records = new Records(driver, format, { log, cacheBytes: 100_000 });
      await driver.write(key, bytes);
      expect(await countIn(records)).to.equal(undefined);
      expect(lines.filter(({ level }) => level === 'error')).to.have.lengthOf(1);
      expect(lines[0]).to.deep.include({ key, bytes: bytes.length });
      expect((await records.create(key, { count: 1 }))?.value.count).to.equal(1);
      await driver.write(key, bytes);
      const seen: unknown[] = [];
      await records.update(key, (current) => {
        seen.push(current);
        return { count: 2 };
      });
      expect(seen).to.deep.equal([undefined]);
      expect(await countIn(other)).to.equal(2);
    });
  }

  it('that storage cannot give are an error, never absent', async () => {
    await one.create(key, { count: 1 });
    driver.before = ({ verb }) => {
      if (verb === 'read' || verb === 'delete') throw new StorageError('UNAVAILABLE', 'down');
    };
    for (const work of [
      one.read(key),
      one.update(key, () => ({ count: 2 })),
      one.delete(key),
      one.create(key, { count: 2 }),
    ]) {
      expect(await rejectionOf(work)).to.include({ code: 'UNAVAILABLE' });
    }
    driver.before = () => undefined;
    expect(await countIn(one)).to.equal(1);
  });

  it('keep no more in memory than they may', async () => {
    const records = new Records(driver, format, { log: quiet, cacheBytes: 2000 });
    for (let index = 0; index < 50; index += 1)
      await records.create(`catalog/app-${index}`, { count: index });
    const remembered = Array.from({ length: 50 }, (_, index) => records.remembered(`catalog/app-${index}`));
    expect(remembered.filter((value) => value !== undefined).length).to.be.within(1, 6);
  });
});
