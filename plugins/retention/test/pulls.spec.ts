import { StorageError } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { PullLog } from '../src/pull-log.ts';
import { PullRecords } from '../src/pull-records.ts';

const HOUR = 3_600_000;
const repository = 'team/app';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

class FailingDriver extends MemoryDriver {
  fails = false;

  override async write(...call: Parameters<MemoryDriver['write']>): ReturnType<MemoryDriver['write']> {
    if (this.fails) throw new StorageError('UNAVAILABLE', 'down');
    return super.write(...call);
  }
}

describe('What is recorded of pulls', () => {
  let driver: FailingDriver;
  let time: number;
  let dropped: number;
  beforeEach(() => {
    driver = new FailingDriver(new Memory(2 ** 24));
    time = Date.UTC(2026, 10, 25);
    dropped = 0;
  });

  const replica = (): PullLog => new PullLog({ log: quiet, now: () => time, dropped: () => dropped });
  async function opened(): Promise<PullLog> {
    const log = replica();
    await log.open(driver);
    return log;
  }
  const known = () => new PullRecords(driver).known(repository, time);
  const pulled = async (tag: string, digest = 'sha256:none'): Promise<number | undefined> =>
    (await known()).of(tag, digest);

  it('is the last pull of each tag and of each digest, of all replicas', async () => {
    const [one, other] = [await opened(), await opened()];
    one.note(repository, 'v1');
    time += 1000;
    other.note(repository, 'v1');
    one.note(repository, 'sha256:abc');
    one.note('team', 'v2');
    await Promise.all([one.write(), other.write()]);
    expect([await pulled('v1'), await pulled('v2'), await pulled('v3', 'sha256:abc')]).to.deep.equal([
      time,
      undefined,
      time,
    ]);
    time += 1000;
    other.note(repository, 'v2');
    await other.write();
    expect([await pulled('v1'), await pulled('v2')]).to.deep.equal([time - 1000, time]);
    await Promise.all([one.close(), other.close()]);
  });

  it('is written down at the end as well, and nothing in the moment of a pull', async () => {
    const log = await opened();
    log.note(repository, 'v1');
    expect(await pulled('v1')).to.equal(undefined);
    await log.close();
    expect(await pulled('v1')).to.equal(time);
  });

  it('says nothing of the time before it began: all may have been pulled until then', async () => {
    expect((await known()).unknownUntil).to.equal(time);
    const log = await opened();
    const began = time;
    time += 100 * 24 * HOUR;
    expect((await known()).unknownUntil).to.equal(began);
    await log.close();
  });

  it('goes on after a short pause, and begins anew after a long one', async () => {
    const began = time;
    await (await opened()).close();
    time += HOUR / 2;
    await (await opened()).close();
    expect((await known()).unknownUntil).to.equal(began);
    time += 2 * HOUR;
    await (await opened()).close();
    expect((await known()).unknownUntil).to.equal(time);
  });

  it('is kept until the storage takes it', async () => {
    const log = await opened();
    driver.fails = true;
    log.note(repository, 'v1');
    await log.write();
    time += 1000;
    log.note(repository, 'v2');
    await log.write();
    driver.fails = false;
    await log.close();
    expect([await pulled('v1'), await pulled('v2')]).to.deep.equal([time - 1000, time]);
  });

  it('begins anew when pulls were lost: too many at once, or events nobody was told of', async () => {
    const log = await opened();
    time += HOUR;
    for (let tag = 0; tag < 50_001; tag += 1) log.note(repository, `v${tag}`);
    await log.write();
    expect((await known()).unknownUntil).to.equal(time);
    time += HOUR;
    dropped += 1;
    await log.write();
    expect((await known()).unknownUntil).to.equal(time);
    time += HOUR;
    await log.write();
    expect((await known()).unknownUntil).to.equal(time - HOUR);
    await log.close();
  });

  it('forgets the oldest of very many, and then says until when', async () => {
    const records = new PullRecords(driver);
    await records.record(time);
    const names = Array.from({ length: 17 * 20_000 }, (_, index) => [`v${index}`, time + index] as const);
    await records.add(repository, new Map(names), time);
    time += HOUR;
    const { unknownUntil, of } = await known();
    expect(unknownUntil).to.be.within(time - HOUR + 1, time - HOUR + 40_000);
    expect(of('v339999', 'sha256:none')).to.equal(time - HOUR + 339_999);
  });

  it('that is damaged keeps all tags, until something new has been recorded', async () => {
    const log = await opened();
    log.note(repository, 'v1');
    await log.write();
    const { keys } = await driver.list('retention/pulls/', { limit: 10 });
    await driver.write(keys[0] ?? '', Buffer.from('{'));
    expect(await known().catch((error: unknown) => String(error))).to.match(/damaged/);
    time += HOUR;
    log.note(repository, 'v1');
    await log.close();
    expect((await known()).unknownUntil).to.equal(time);
  });
});
