import { expect } from 'chai';
import { SharedRun } from '../src/shared-run.ts';

describe('a shared run', () => {
  /** Runs that end when the test says so. */
  function controlled() {
    const ends: { readonly succeed: (value: number) => void; readonly fail: (error: Error) => void }[] = [];
    const run = new SharedRun(() => new Promise<number>((succeed, fail) => ends.push({ succeed, fail })));
    return { run, ends };
  }

  it('begins at once when there is none', async () => {
    const { run, ends } = controlled();
    const first = run.join();
    expect(ends).to.have.length(1);
    ends[0]?.succeed(1);
    expect(await first).to.equal(1);
    expect(run.idle).to.equal(true);
  });

  it('is never one that began before it was asked for, and is one for all who ask meanwhile', async () => {
    const { run, ends } = controlled();
    const first = run.join();
    const later = [run.join(), run.join(), run.join()];
    expect(ends).to.have.length(1);
    ends[0]?.succeed(1);
    expect(await first).to.equal(1);
    await new Promise(setImmediate);
    expect(ends).to.have.length(2);
    const last = run.join();
    ends[1]?.succeed(2);
    expect(await Promise.all(later)).to.deep.equal([2, 2, 2]);
    await new Promise(setImmediate);
    ends[2]?.succeed(3);
    expect(await last).to.equal(3);
    expect(run.idle).to.equal(true);
  });

  it('fails for those who wait for it, and for nobody else', async () => {
    const { run, ends } = controlled();
    const first = run.join().catch((error: unknown) => error);
    const second = run.join();
    const failure = new Error('of the first');
    ends[0]?.fail(failure);
    expect(await first).to.equal(failure);
    await new Promise(setImmediate);
    ends[1]?.succeed(2);
    expect(await second).to.equal(2);
  });
});
