import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { mock } from 'node:test';
import { StorageError } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { CollectionLease, type HeldLease } from '../../core/src/store/collect/collection-lease.ts';
import { CollectionSchedule } from '../../core/src/store/collect/collection-schedule.ts';
import { self } from '../../core/src/store/collect/holder.ts';
import { keys } from '../../core/src/store/keys.ts';
import { createRegistry } from '@entrepot/core';
import { storageOf } from '../../core/test/verify/backends.ts';
import { RecordingDriver } from '../../core/test/store/recording-driver.ts';
import { keepLog, type KeptLog } from '../../core/test/plugins/log-lines.ts';
import { explore, type Scene } from '../races/explore.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { collectionOn, HOUR } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Lets so much time pass, and what is due by then happen. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 5_000) {
    mock.timers.tick(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function taken(lease: CollectionLease): Promise<HeldLease> {
  const held = await lease.take();
  if ('heldBy' in held) throw new Error(`it is held by ${held.heldBy}`);
  return held;
}

describe('The lease of collection', () => {
  let driver: RecordingDriver;
  let lease: CollectionLease;
  let other: CollectionLease;
  beforeEach(() => {
    stoppedClock.stop();
    driver = new RecordingDriver();
    lease = new CollectionLease(driver, quiet);
    other = new CollectionLease(driver, quiet);
  });
  afterEach(() => stoppedClock.release());

  it('is held by one at a time, and whoever asks is told by whom', async () => {
    const held = await taken(lease);
    expect(await other.take()).to.deep.equal({
      heldBy: `process ${process.pid} on ${hostname()}`,
      until: Date.now() + 120_000,
    });
    await held.release(true);
    await (await taken(other)).release(true);
  });

  it('is got by one of two that ask at the same time, in whatever order', async () => {
    const scene: Scene = {
      setup: async () => undefined,
      actors: (stage) =>
        Object.fromEntries(
          ['A', 'B'].map((name) => [
            name,
            async () => !('heldBy' in (await new CollectionLease(stage.driver(), quiet).take())),
          ]),
        ),
      check: async (stage) => {
        const got = stage.actors.filter(({ outcome }) => outcome.end === 'answer' && outcome.answer === true);
        if (got.length !== 1) throw new Error(`${got.length} have got it`);
      },
    };
    expect((await explore(scene)).complete).to.equal(true);
    stoppedClock.stop();
  });

  it('is kept for as long as its holder lives', async () => {
    const held = await taken(lease);
    await pass(10 * 60_000);
    expect(await other.take()).to.have.property('heldBy');
    expect(held.signal.aborted).to.equal(false);
    await held.release(false);
  });

  it('may be taken when its holder has died', async () => {
    await taken(lease);
    // A process that dies renews nothing more.
    stoppedClock.pass(119_000);
    expect(await other.take()).to.have.property('heldBy');
    stoppedClock.pass(1_000);
    await taken(other);
  });

  for (const [place, isFree] of [
    ['this machine', true],
    ['another machine', false],
  ] as const) {
    it(`${isFree ? 'may be taken at once' : 'is waited for'} when its holder, a process of ${place}, has died`, async () => {
      const { pid } = spawnSync(process.execPath, ['--version']);
      const died = { pid, place: isFree ? self.place : 'elsewhere' };
      const record = { holder: 'it', process: died, owner: 'once', renewed: Date.now(), ended: 7 };
      await driver.write(keys.collectionLease, Buffer.from(JSON.stringify(record)));
      const answer = await lease.take();
      expect('heldBy' in answer).to.equal(!isFree);
      expect(await lease.lastEnd()).to.equal(7);
      if ('release' in answer) await answer.release(false);
    });
  }

  it('tells a holder who slept that another has begun, and is not given back by him', async () => {
    const held = await taken(lease);
    stoppedClock.pass(120_000);
    const next = await taken(other);
    await pass(20_000);
    expect(held.signal.aborted).to.equal(true);
    await held.release(true);
    expect(await new CollectionLease(driver, quiet).take()).to.have.property('heldBy');
    expect(next.signal.aborted).to.equal(false);
    await next.release(false);
    expect(await lease.lastEnd()).to.equal(0);
  });

  it('runs out for a holder whom storage does not answer, before others may take it', async () => {
    const held = await taken(lease);
    driver.before = ({ kind }) => {
      if (kind === 'lease') throw new StorageError('UNAVAILABLE', 'not now');
    };
    await pass(45_000);
    expect(held.signal.aborted).to.equal(false);
    await pass(45_000);
    expect(held.signal.aborted).to.equal(true);
    driver.before = () => undefined;
    expect(await other.take()).to.have.property('heldBy');
  });

  it('remembers when the last run came to its end', async () => {
    expect(await lease.lastEnd()).to.equal(0);
    const held = await taken(lease);
    stoppedClock.pass(1000);
    await held.release(true);
    const end = Date.now();
    expect(await other.lastEnd()).to.equal(end);
    stoppedClock.pass(1000);
    await (await taken(other)).release(false);
    expect(await lease.lastEnd()).to.equal(end);
  });
});

describe('Scheduled collection', () => {
  let filled: FilledStore;
  let log: KeptLog;
  beforeEach(async () => {
    stoppedClock.stop();
    filled = new FilledStore();
    log = await keepLog();
  });
  afterEach(() => stoppedClock.release());

  const schedule = (): CollectionSchedule =>
    new CollectionSchedule({
      interval: HOUR,
      begin: (signal) => collectionOn(filled.driver, filled.store, { signal }),
      lease: new CollectionLease(filled.driver, log.log),
      log: log.log,
    });
  const said = (message: string): number => log.lines.filter(({ msg }) => msg === message).length;

  it('collects when it is due, in one process of several, and says what came of it', async () => {
    const processes = [schedule(), schedule(), schedule()];
    await filled.pushBlob('team/app', 'garbage');
    stoppedClock.pass(2 * HOUR);
    await Promise.all(processes.map((each) => each.look()));
    expect(said('garbage collection has ended')).to.equal(1);
    await Promise.all(processes.map((each) => each.look()));
    expect(said('garbage collection has ended')).to.equal(1);
    stoppedClock.pass(HOUR);
    for (const each of processes) await each.look();
    expect(said('garbage collection has ended')).to.equal(2);
    const line = log.lines.findLast(({ msg }) => msg === 'garbage collection has ended');
    expect(line?.['blobs']).to.deep.include({ deleted: 1 });
    expect(await filled.keys('blobs/')).to.deep.equal([]);
  });

  it('breaks off when the registry stops, and the next process goes on at once', async () => {
    await filled.pushBlob('team/app', 'garbage');
    stoppedClock.pass(HOUR);
    const stopping = schedule();
    await stopping.stop();
    await stopping.look();
    expect(said('garbage collection was broken off; the next run goes on')).to.equal(1);
    await schedule().look();
    expect(said('garbage collection has ended')).to.equal(1);
  });

  it('survives trouble with storage, and tries again', async () => {
    let fails = true;
    const driver = filled.driver;
    const troubled = new CollectionSchedule({
      interval: HOUR,
      begin: (signal) => ({
        async *run() {
          if (fails) throw new StorageError('UNAVAILABLE', 'not now');
          return yield* collectionOn(driver, filled.store, { signal }).run();
        },
      }),
      lease: new CollectionLease(driver, log.log),
      log: log.log,
    });
    stoppedClock.pass(HOUR);
    await troubled.look();
    expect(said('garbage collection has failed; the next run goes on')).to.equal(1);
    fails = false;
    await troubled.look();
    expect(said('garbage collection has ended')).to.equal(1);
  });

  for (const enabled of [true, false]) {
    it(`${enabled ? 'happens' : 'does not happen'} in a registry ${enabled ? 'by itself' : 'that is told not to'}`, async () => {
      await filled.pushBlob('team/app', 'garbage');
      mock.timers.reset();
      mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'], now: Date.now() + 24 * HOUR });
      const config = { gc: { enabled, interval: 60 }, plugins: [storageOf(filled.driver)] };
      const registry = await createRegistry(config, { log: log.log });
      await registry.open();
      mock.timers.tick(60_000);
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      // Asked to stop, it would break off.
      if (enabled) while (said('garbage collection has ended') === 0) await turn();
      else for (let turns = 0; turns < 100; turns += 1) await turn();
      await registry.stop();
      expect(said('garbage collection has ended')).to.equal(enabled ? 1 : 0);
    });
  }
});
