import { expect } from 'chai';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import {
  Outbox,
  OutboxArchive,
  sinksIn,
  type KeptLetter,
  type OutboxOptions,
  type SinkEvent,
} from '@entrepot/plugin-sdk/events';
import { HandClock } from './hand-clock.ts';
import { push } from './sample-events.ts';

const HOUR = 3_600_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

describe('The outbox of a sink', () => {
  let driver: MemoryDriver;
  let clock: HandClock;
  beforeEach(() => {
    driver = new MemoryDriver(new Memory(100_000_000));
    clock = new HandClock();
  });

  function open(options: Partial<OutboxOptions> = {}, sink = 'sink'): Outbox {
    const defaults = { maxBytes: 1_000_000, keepFor: 24 * HOUR, log: quiet, now: () => clock.now() };
    return new Outbox(driver, sink, { ...defaults, ...options });
  }

  async function keys(prefix = ''): Promise<readonly string[]> {
    return (await driver.list(prefix, { limit: 1000 })).keys;
  }

  /** Delivers all that waits. Gives the tags of the events, in the order of the queue. */
  async function deliver(outbox: Outbox): Promise<string[]> {
    const tags: string[] = [];
    for (const lane of await outbox.survey())
      for (const name of (await outbox.page(lane, '')).names) {
        const entry = await outbox.read(lane, name);
        if (entry === undefined || !('events' in entry)) throw new Error('there is no such entry');
        tags.push(...entry.events.map(tagOf));
        await outbox.remove(lane, name, entry.events);
      }
    return tags;
  }

  async function all(archive: OutboxArchive): Promise<KeptLetter[]> {
    const letters: KeptLetter[] = [];
    for await (const letter of archive.letters()) letters.push(letter);
    return letters;
  }

  const tagOf = (event: SinkEvent): string => ('tag' in event ? (event.tag ?? '') : '');

  it('writes one object for all that a request has done', async () => {
    await open().append([push('a', { tag: '1' }), push('a', { tag: '2' })]);
    expect(await keys()).to.have.lengthOf(1);
    expect(await deliver(open())).to.deep.equal(['1', '2']);
  });

  it('writes five hundred events to an object at most', async () => {
    await open().append(Array.from({ length: 1001 }, (_, index) => push('a', { tag: `${index}` })));
    expect(await keys()).to.have.lengthOf(3);
    expect((await deliver(open())).at(-1)).to.equal('1000');
  });

  it('keeps the order of a repository, also within a millisecond and when the clock goes back', async () => {
    const outbox = open();
    for (const tag of ['1', '2', '3']) await outbox.append([push('a', { tag })]);
    clock.pass(-10_000);
    await outbox.append([push('a', { tag: '4' })]);
    expect(await deliver(outbox)).to.deep.equal(['1', '2', '3', '4']);
  });

  it('takes no more than its bytes, counts what other processes have written, and has room again later', async () => {
    await open().append([push('a'), push('a'), push('a')]);
    const small = open({ maxBytes: 1000 });
    await small.survey();
    expect(await small.append([push('a')])).to.equal(undefined);
    expect(small.waiting).to.equal(1);
    await deliver(small);
    expect(await small.append([push('a')])).to.be.a('string');
  });

  it('keeps what has been delivered for as long as it is told, and has it delivered again', async () => {
    const outbox = open();
    const archive = new OutboxArchive(driver, 'sink', outbox);
    await outbox.append([push('a', { tag: '1' })]);
    clock.pass(HOUR);
    const since = clock.now();
    await outbox.append([push('a', { tag: '2' })]);
    await deliver(outbox);
    expect(await deliver(outbox)).to.deep.equal([]);
    expect(await archive.replay(since, clock.now())).to.equal(1);
    expect(await deliver(outbox)).to.deep.equal(['2']);
    clock.pass(25 * HOUR);
    await outbox.sweep();
    expect(await keys('events/sink/kept/')).to.deep.equal([]);
    expect(await archive.replay(0, clock.now())).to.equal(0);
  });

  it('keeps nothing when it is told to', async () => {
    const outbox = open({ keepFor: 0 });
    await outbox.append([push('a')]);
    await deliver(outbox);
    expect(await keys()).to.deep.equal([]);
  });

  it('has a dead letter with the reason, once though it is written twice, and delivers it again when told', async () => {
    const outbox = open();
    const archive = new OutboxArchive(driver, 'sink', outbox);
    const letter = {
      event: push('a', { tag: '1' }),
      reason: 'no',
      attempts: 3,
      since: '2026-01-01T00:00:00.000Z',
    };
    const lane = (await outbox.append([letter.event])) ?? '';
    const [name = ''] = (await outbox.page(lane, '')).names;
    await outbox.setAside(name, 0, letter);
    await outbox.setAside(name, 0, letter);
    await outbox.remove(lane, name, []);
    const letters = await all(archive);
    expect(letters).to.deep.equal([{ ...letter, letter: `${name}.0` }]);
    expect(await archive.retry(`${name}.0`)).to.equal(true);
    expect(await deliver(outbox)).to.deep.equal(['1']);
    expect(await all(archive)).to.deep.equal([]);
    expect(await archive.retry(`${name}.0`)).to.equal(false);
  });

  it('deletes the oldest dead letters beyond its bytes, and says how many', async () => {
    const outbox = open({ maxBytes: 1_048_576 });
    for (const tag of ['old', 'young']) {
      const event = push('a', { tag, userAgent: 'x'.repeat(600_000) });
      const lane = (await outbox.append([event])) ?? '';
      const [name = ''] = (await outbox.page(lane, '')).names;
      await outbox.setAside(name, 0, { event, reason: 'no', attempts: 1, since: '' });
      await outbox.remove(lane, name, []);
      clock.pass(1);
    }
    expect(await outbox.sweep()).to.equal(1);
    const letters = await all(new OutboxArchive(driver, 'sink', outbox));
    expect(letters.map(({ event }) => tagOf(event))).to.deep.equal(['young']);
  });

  it('says of an entry that is damaged what is in it', async () => {
    const outbox = open();
    const lane = (await outbox.append([push('a')])) ?? '';
    const [name = ''] = (await outbox.page(lane, '')).names;
    for (const text of ['{', '{"events":[{}]}', '[]']) {
      await driver.write(`events/sink/queue/${lane}/${name}`, Buffer.from(text));
      expect(await outbox.read(lane, name)).to.deep.equal({ damaged: Buffer.from(text).toString('base64') });
    }
  });

  it('is found by its name among others', async () => {
    for (const sink of ['webhook.a', 'webhook.a0', 'webhook.b']) await open({}, sink).append([push('a')]);
    expect(await sinksIn(driver)).to.deep.equal(['webhook.a', 'webhook.a0', 'webhook.b']);
  });

  describe('has lanes', () => {
    it('that one process at a time delivers from', async () => {
      const [one, other] = [open(), open()];
      const held = await one.take('0');
      expect(await other.take('0')).to.equal(undefined);
      expect(await other.take('1')).to.not.equal(undefined);
      await held?.release();
      expect(await other.take('0')).to.not.equal(undefined);
    });

    it('that another takes over when their lease has stood still for ten seconds', async () => {
      const [one, other] = [open(), open()];
      const held = await one.take('0');
      expect(held?.isLost).to.equal(false);
      await other.take('0');
      clock.pass(9000);
      expect(await other.take('0')).to.equal(undefined);
      clock.pass(2000);
      expect(held?.isLost).to.equal(true);
      const taken = await other.take('0');
      expect(taken?.isLost).to.equal(false);
      await held?.release();
      expect(await open().take('0')).to.equal(undefined);
      await taken?.release();
    });
  });
});
