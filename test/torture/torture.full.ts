import { expect } from 'chai';
import { actNames } from './acts.ts';
import { torture, type TortureOptions, type TortureReport } from './torture.ts';

const SEED = 20_261_125;

/** A run, and what it tells of itself. */
async function run(options: Partial<TortureOptions>): Promise<TortureReport> {
  const report = await torture({
    seconds: 20,
    storage: 'filesystem',
    clients: 4,
    processes: 1,
    workers: 1,
    seed: SEED,
    say: () => undefined,
    ...options,
  });
  const { kills, killsAtSteps, requests, acknowledged } = report;
  const line = `${kills} kills, ${killsAtSteps} at steps, ${requests} requests, ${acknowledged} acknowledged`;
  process.stdout.write(`      ${line}\n`);
  return report;
}

/** How many of the moments are hit depends on the machine: `npm run torture` tells which. */
async function expectUnbroken(options: Partial<TortureOptions>): Promise<void> {
  const { findings, kills, done } = await run(options);
  expect(findings).to.deep.equal([]);
  expect(kills).to.be.greaterThan(1);
  // An upload that has lost its process goes on after a minute only.
  expect(done).to.include.members(actNames.filter((name) => name !== 'resume'));
}

describe('a registry that is killed again and again loses nothing acknowledged and serves nothing wrong', () => {
  it('as one process', () => expectUnbroken({}));
  it('as two workers', () => expectUnbroken({ workers: 2 }));
  it('as two processes on one directory', () => expectUnbroken({ processes: 2 }));
  it('as two processes on one bucket', () => expectUnbroken({ processes: 2, storage: 's3', seconds: 40 }));
});

describe('torture notices storage', () => {
  const lying = (lie: string): Promise<TortureReport> =>
    run({ seconds: 10, plugin: `${import.meta.resolve('./lies.ts')}?${lie}` });

  it('that forgets', async () => expect((await lying('forgets')).lost).to.be.greaterThan(0));
  it('that keeps', async () => expect((await lying('keeps')).dangling).to.be.greaterThan(0));
  it('that garbles', async () => expect((await lying('garbles')).wrong).to.be.greaterThan(0));

  it('that ends the process', async () => {
    const { findings } = await lying('ends');
    expect(findings.map(({ what }) => what).join()).to.include('ended by itself with 3');
  });
});
