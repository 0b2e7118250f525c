import { isStorageError } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { CallCounts, diceOf, DistantDriver, TroubledLine, type Troubles } from '@entrepot/storage-simulator';
import { expect } from 'chai';

const calm: Troubles = { latency: 0, jitter: 0, callsPerSecond: 1000, failures: 0, lostAnswers: 0 };

/** A driver behind such a line, whose clock goes only when somebody sleeps. */
function simulate(troubles: Partial<Troubles>, seed = 1) {
  const counts = new CallCounts();
  const naps: number[] = [];
  let time = 0;
  const clock = {
    now: () => time,
    sleep: async (milliseconds: number) => {
      naps.push(milliseconds);
      time += milliseconds;
    },
  };
  const line = new TroubledLine({ ...calm, ...troubles }, counts, diceOf(seed), clock);
  const inner = new MemoryDriver(new Memory(1024 ** 2));
  return { driver: new DistantDriver(inner, line), inner, counts, naps };
}

async function isRefused(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return false;
  } catch (error) {
    if (isStorageError(error, 'UNAVAILABLE')) return true;
    throw error;
  }
}

describe('A simulated storage', () => {
  it('takes the latency for each call, and up to the jitter more', async () => {
    const { driver, naps } = simulate({ latency: 10, jitter: 5 });
    for (let call = 0; call < 50; call += 1) await driver.size('a');
    expect(naps).to.have.length(50);
    expect(Math.min(...naps)).to.be.within(10, 11);
    expect(Math.max(...naps)).to.be.within(14, 15);
  });

  it('is the same for the same seed, and another for another', async () => {
    const napsOf = async (seed: number): Promise<readonly number[]> => {
      const { driver, naps } = simulate({ jitter: 5 }, seed);
      for (let call = 0; call < 10; call += 1) await driver.size('a');
      return naps;
    };
    expect(await napsOf(3)).to.deep.equal(await napsOf(3));
    expect(await napsOf(3)).to.not.deep.equal(await napsOf(4));
  });

  it('refuses calls beyond its rate without passing them on, and takes more when time has gone by', async () => {
    const { driver, inner, counts } = simulate({ callsPerSecond: 2, latency: 100 });
    const refused: boolean[] = [];
    for (const key of ['a', 'b', 'c']) refused.push(await isRefused(driver.write(key, new Uint8Array(3))));
    expect(refused).to.deep.equal([false, false, true]);
    expect((await inner.list('', { limit: 9 })).keys).to.deep.equal(['a', 'b']);
    // 100 ms of each call have gathered room for less than one more; after 500 ms there is room for one.
    const later: boolean[] = [];
    for (let call = 0; call < 4; call += 1) later.push(await isRefused(driver.size('a')));
    expect(later).to.deep.equal([true, true, false, true]);
    expect(counts.byVerb.write).to.deep.equal({ answered: 2, throttled: 1, failed: 0, lost: 0, bytes: 9 });
  });

  it('lets its share of calls fail before they happen, and its share after they have', async () => {
    const { driver, inner, counts } = simulate({ failures: 0.2, lostAnswers: 0.3, callsPerSecond: 10_000 });
    const refused: string[] = [];
    for (let call = 0; call < 1000; call += 1) {
      const key = `key-${call}`;
      if (await isRefused(driver.write(key, new Uint8Array(1)))) refused.push(key);
    }
    const { keys } = await inner.list('', { limit: 2000 });
    const write = counts.byVerb.write;
    expect(write?.failed).to.be.within(150, 250);
    expect(write?.lost).to.be.within(250, 350);
    expect(keys).to.have.length(1000 - (write?.failed ?? 0));
    expect(refused).to.have.length((write?.failed ?? 0) + (write?.lost ?? 0));
    expect(counts.total).to.equal(1000);
  });

  it('asks for parts that are whole multiples of its own size and of the storage behind it', () => {
    const line = new TroubledLine(calm, new CallCounts(), diceOf(1));
    const inner = new MemoryDriver(new Memory(1));
    inner.partSize = () => 3000;
    expect(new DistantDriver(inner, line, 8000).partSize(0)).to.equal(9000);
    expect(new DistantDriver(inner, line).partSize(0)).to.equal(3000);
  });
});
