import { expect } from 'chai';
import fc from 'fast-check';
import { StorageError, type ListOptions, type ListPage } from '@entrepot/plugin-sdk';
import { filterLimited, forEachLimited, mapLimited, Places } from '../../src/store/concurrency.ts';
import { listAll, listNames } from '../../src/store/listing.ts';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';

/** A driver whose pages are shorter than they may be, as those of clouds sometimes are. */
class ShortPages extends RecordingDriver {
  readonly #length: number;

  constructor(length: number) {
    super();
    this.#length = length;
  }

  override list(prefix: string, options: ListOptions): Promise<ListPage> {
    return super.list(prefix, { ...options, limit: Math.min(options.limit, this.#length) });
  }
}

describe('A page of names', () => {
  const nameOf = (key: string): string => key.slice('catalog/'.length);
  const unique = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,3}$/), { maxLength: 20 });

  it('and those that follow it have every name once, in order, however short the pages of storage are', async () => {
    await fc.assert(
      fc.asyncProperty(
        unique,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        async (names, limit, length) => {
          const driver = new ShortPages(length);
          for (const name of names) await driver.write(`catalog/${name}`, Buffer.from('x'));
          const found: string[] = [];
          let last: string | undefined;
          for (let more = true; more;) {
            const page = await listNames(driver, 'catalog/', nameOf, { last, limit });
            expect(page.names.length).to.be.at.most(limit);
            if (page.more) expect(page.names).to.have.lengthOf(limit);
            found.push(...page.names);
            last = found.at(-1);
            ({ more } = page);
          }
          expect(found).to.deep.equal([...names].sort());
          const keys: string[] = [];
          for await (const page of listAll(driver, 'catalog/')) keys.push(...page);
          expect(keys.map(nameOf)).to.deep.equal(found);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('of no length has none, says that there are no more, and asks nobody', async () => {
    const driver = new RecordingDriver();
    await driver.write('catalog/a', Buffer.from('x'));
    driver.forget();
    const page = await listNames(driver, 'catalog/', nameOf, { limit: 0 });
    expect(page).to.deep.equal({ names: [], more: false });
    expect(driver.texts).to.deep.equal([]);
  });

  it('is one call, where storage gives what it is asked for', async () => {
    const driver = new RecordingDriver();
    for (let index = 10; index < 60; index += 1) await driver.write(`catalog/${index}`, Buffer.from('x'));
    for (const limit of [1, 10, 50, 100]) {
      driver.forget();
      await listNames(driver, 'catalog/', nameOf, { limit });
      expect(driver.texts).to.deep.equal(['list catalog']);
    }
  });

  it('is an error when storage has one, never short', async () => {
    const driver = new RecordingDriver();
    driver.before = () => {
      throw new StorageError('UNAVAILABLE', 'down');
    };
    expect(await rejectionOf(listNames(driver, 'catalog/', nameOf, { limit: 1 }))).to.include({
      code: 'UNAVAILABLE',
    });
  });
});

describe('Work on many items', () => {
  it('is done for each of them, in as many lanes as are allowed and never in more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9)), fc.integer({ min: 1, max: 6 }), async (turns, limit) => {
        let running = 0;
        let most = 0;
        const results = await mapLimited(turns, limit, async (count) => {
          running += 1;
          most = Math.max(most, running);
          for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
          running -= 1;
          return count * 2;
        });
        expect(results).to.deep.equal(turns.map((count) => count * 2));
        expect(most).to.be.at.most(limit);
        if (turns.length >= limit && turns.every((count) => count > limit)) expect(most).to.equal(limit);
      }),
    );
  });

  it('ends with the first error, once what is under way has settled, and begins nothing more', async () => {
    const events: string[] = [];
    const failure = new Error('the second fails');
    const work = forEachLimited([1, 2, 3, 4, 5], 2, async (item) => {
      events.push(`begin ${item}`);
      if (item === 2) throw failure;
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      events.push(`end ${item}`);
    });
    expect(await rejectionOf(work)).to.equal(failure);
    expect(events).to.deep.equal(['begin 1', 'begin 2', 'end 1']);
  });

  it('finds what a test holds for, and asks no more than it has to', async () => {
    const asked: number[] = [];
    const items = Array.from({ length: 100 }, (_, index) => index);
    const found = await filterLimited(items, { limit: 4, most: 3 }, async (item) => {
      asked.push(item);
      await Promise.resolve();
      return item % 2 === 1;
    });
    expect(found.length).to.be.within(3, 6);
    expect(found.every((item) => item % 2 === 1)).to.equal(true);
    expect(asked.length).to.be.below(20);
  });
});

describe('Places', () => {
  it('are as many as there are: who comes then is refused, and may come again', async () => {
    const places = new Places(2, 'come back later');
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const taken = ends.map(({ promise }) => places.take(() => promise));
    const refused = await rejectionOf(places.take(async () => 'never'));
    expect(refused).to.include({ code: 'TOOMANYREQUESTS', message: 'come back later' });
    ends[0]?.resolve();
    await taken[0];
    expect(await places.take(async () => 'room')).to.equal('room');
    ends[1]?.reject(new Error('failed'));
    await rejectionOf(Promise.resolve(taken[1]));
    expect(await Promise.all([places.take(async () => 1), places.take(async () => 2)])).to.deep.equal([1, 2]);
  });
});
