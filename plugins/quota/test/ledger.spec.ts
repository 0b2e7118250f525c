import {
  isStorageError,
  StorageError,
  withMethods,
  type RepositoryUsage,
  type StorageDriver,
} from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { stoppedClock } from '../../../test/races/stopped-clock.ts';
import { Ledger } from '../src/ledger.ts';
import { covers, sizeOf, type Limit } from '../src/limits.ts';

const team: Limit = { repositories: 'team', bytes: 1000 };
const app: Limit = { repositories: 'team/app', bytes: 500 };
const all: Limit = { repositories: '', bytes: 5000 };
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

describe('A quota', () => {
  it('is of the repository of its name and of all below it, or of all there are', () => {
    const covered = (limit: Limit): boolean[] =>
      ['team', 'team/app', 'team/app/x', 'teams', 'other'].map((name) => covers(limit, name));
    expect(covered(team)).to.deep.equal([true, true, true, false, false]);
    expect(covered(app)).to.deep.equal([false, true, true, false, false]);
    expect(covered(all)).to.deep.equal([true, true, true, true, true]);
  });

  it('is told as people read it', () => {
    expect([0, 999, 1536, 10 * 1024 ** 4].map(sizeOf)).to.deep.equal([
      '0 bytes',
      '999 bytes',
      '1.5 KiB',
      '10.0 TiB',
    ]);
  });
});

describe('What is counted against quotas', () => {
  let memory: Memory;
  let stored: RepositoryUsage[];
  let counted: number;
  let isDown: boolean;
  let stopped: AbortController;
  beforeEach(() => {
    memory = new Memory(2 ** 20);
    stored = [
      { repository: 'team/app', bytes: 300 },
      { repository: 'team', bytes: 50 },
      { repository: 'other', bytes: 7 },
    ];
    counted = 0;
    isDown = false;
    stopped = new AbortController();
    stoppedClock.stop();
  });
  afterEach(() => stoppedClock.release());

  function storage(): StorageDriver {
    const driver = new MemoryDriver(memory);
    return withMethods(driver, {
      write: async (key, bytes, options) => {
        if (isDown) throw new StorageError('UNAVAILABLE', 'down');
        return driver.write(key, bytes, options);
      },
    });
  }
  const process = (recount = 3_600_000, limits = [team, app, all]): Ledger =>
    new Ledger({
      storage: storage(),
      async *usage() {
        counted += 1;
        yield* stored;
      },
      limits,
      recount,
      log: quiet,
      signal: stopped.signal,
    });
  const usedIn = (ledger: Ledger): (number | undefined)[] =>
    [team, app, all].map((limit) => ledger.used(limit));

  it('is not known before all has been counted once, and is what the count has then', async () => {
    const ledger = process();
    await ledger.exchange();
    expect(usedIn(ledger)).to.deep.equal([undefined, undefined, undefined]);
    expect(await ledger.recount()).to.equal(true);
    await ledger.exchange();
    expect(usedIn(ledger)).to.deep.equal([350, 300, 357]);
  });

  it('is counted by one process for all, again when that is due, or when there is another limit', async () => {
    expect(await process().recount()).to.equal(true);
    const other = process();
    expect(await other.recount()).to.equal(false);
    await other.exchange();
    expect(usedIn(other)).to.deep.equal([350, 300, 357]);
    expect(await process(0).recount()).to.equal(true);
    const more = process(3_600_000, [team, app, all, { repositories: 'other', bytes: 1 }]);
    expect(await more.recount()).to.equal(true);
    expect(counted).to.equal(3);
  });

  it('grows with what a process has accepted at once, and for others once they have talked', async () => {
    const [one, other] = [process(), process()];
    await one.recount();
    await one.exchange();
    await other.exchange();
    one.add('team/app', 100);
    one.add('elsewhere', 1);
    expect(usedIn(one)).to.deep.equal([450, 400, 458]);
    expect(usedIn(other)).to.deep.equal([350, 300, 357]);
    await one.exchange();
    expect(usedIn(one)).to.deep.equal([450, 400, 458]);
    await other.exchange();
    expect(usedIn(other)).to.deep.equal([450, 400, 458]);
    other.add('team', 5);
    await other.exchange();
    await one.exchange();
    expect([one, other].map((each) => each.used(team))).to.deep.equal([455, 455]);
  });

  it('is told again when it could not be told', async () => {
    const [one, other] = [process(), process()];
    await one.recount();
    await one.exchange();
    one.add('team', 100);
    isDown = true;
    const error: unknown = await one.exchange().catch((reason: unknown) => reason);
    isDown = false;
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
    expect(one.used(team)).to.equal(450);
    await one.exchange();
    await other.exchange();
    expect(other.used(team)).to.equal(450);
  });

  it('is the truth of storage again with the next count, whatever was added or has died meanwhile', async () => {
    const [one, dead] = [process(0), process(0)];
    await one.recount();
    await one.exchange();
    dead.add('team', 400);
    await dead.exchange();
    await one.exchange();
    expect(one.used(team)).to.equal(750);
    stored = [{ repository: 'team', bytes: 20 }];
    stoppedClock.pass(1);
    await one.recount();
    await one.exchange();
    expect(usedIn(one)).to.deep.equal([20, 0, 20]);
    const { keys } = await new MemoryDriver(memory).list('quota/', { limit: 10 });
    expect(keys).to.deep.equal(['quota/count']);
  });

  it('is left to others when a process stops while it counts', async () => {
    const ledger = process();
    stopped.abort();
    expect(await ledger.recount()).to.equal(false);
    expect(await process().recount()).to.equal(false);
    stopped = new AbortController();
    expect(await process().recount()).to.equal(true);
  });

  it('is counted once when two find at the same time that it is due', async () => {
    const answers = await Promise.all([process().recount(), process().recount()]);
    expect(answers.toSorted()).to.deep.equal([false, true]);
    expect(counted).to.equal(1);
  });

  it('survives records that make no sense, and says when storage cannot be read', async () => {
    const driver = new MemoryDriver(memory);
    await driver.write('quota/count', Buffer.from('{"at":'));
    await driver.write('quota/additions/x', Buffer.from('[]'));
    const ledger = process();
    await ledger.exchange();
    expect(await ledger.recount()).to.equal(true);
    await ledger.exchange();
    expect(ledger.used(team)).to.equal(350);
    const down = (): Promise<never> => Promise.reject(new StorageError('UNAVAILABLE', 'down'));
    const troubled = new Ledger({
      storage: withMethods(driver, { read: down }),
      async *usage() {
        yield* stored;
      },
      limits: [team],
      recount: 1,
      log: quiet,
      signal: stopped.signal,
    });
    const error: unknown = await troubled.exchange().catch((reason: unknown) => reason);
    expect(isStorageError(error, 'UNAVAILABLE')).to.equal(true);
  });
});
