import type { Logger } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { CollectionLease } from '../../core/src/store/collect/collection-lease.ts';
import { keys } from '../../core/src/store/keys.ts';
import { RetentionSchedule } from '../../core/src/store/retention-schedule.ts';
import type { RetentionStep, RetentionSummary } from '../../core/src/store/tag-retention.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR } from './collecting.ts';

const summary: RetentionSummary = {
  dryRun: false,
  seconds: 0,
  repositories: 1,
  kept: 0,
  dropped: 1,
  changed: 0,
  failed: 0,
};
const step = {
  repository: 'team/app',
  tag: 'v1',
  digest: 'sha256:0',
  rule: 'none',
  outcome: 'dropped',
} as const;

describe('Scheduled retention', () => {
  let driver: MemoryDriver;
  let runs: number;
  let lines: string[];
  beforeEach(() => {
    stoppedClock.stop();
    driver = new MemoryDriver(new Memory(2 ** 20));
    runs = 0;
    lines = [];
  });
  afterEach(() => stoppedClock.release());

  const tell = (details: object, message = ''): void =>
    void lines.push(`${message} ${JSON.stringify(details)}`);
  const log: Logger = { debug: tell, info: tell, warn: tell, error: tell };

  /** As each process has one. */
  function schedule(
    during: (signal: AbortSignal) => Promise<void> = async () => undefined,
  ): RetentionSchedule {
    return new RetentionSchedule({
      interval: HOUR,
      begin: (signal) => ({
        async *run(): AsyncGenerator<RetentionStep, RetentionSummary> {
          runs += 1;
          await during(signal);
          yield { ...step, pushed: 0, keeps: false };
          return summary;
        },
      }),
      lease: new CollectionLease(driver, log, keys.retentionLease),
      log,
    });
  }

  it('runs when it is due, whichever process finds that, and tells of each tag that it drops by which rule', async () => {
    const [one, other] = [schedule(), schedule()];
    await one.look();
    await other.look();
    expect(runs).to.equal(1);
    expect(lines[0]).to.match(/^a tag has been dropped .*"repository":"team\/app","tag":"v1".*"rule":"none"/);
    stoppedClock.pass(HOUR);
    await other.look();
    expect(runs).to.equal(2);
  });

  it('runs in one process at a time, beside garbage collection', async () => {
    await new CollectionLease(driver, log).take();
    const other = schedule();
    await schedule(() => other.look()).look();
    expect(runs).to.equal(1);
  });

  it('is due again after a run that has failed or was broken off', async () => {
    await schedule(() => Promise.reject(new Error('not now'))).look();
    expect(lines.at(-1)).to.match(/^retention has failed/);
    const stopping = schedule(async (signal) => {
      void stopping.stop();
      signal.throwIfAborted();
    });
    await stopping.look();
    expect(lines.at(-1)).to.match(/^retention was broken off/);
    await schedule().look();
    expect(runs).to.equal(3);
  });
});
