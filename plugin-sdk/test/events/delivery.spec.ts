import { expect } from 'chai';
import {
  Delivery,
  DeliveryError,
  type DeliveryLimits,
  type DeadLetter,
  type SinkEvent,
} from '@entrepot/plugin-sdk/events';
import { MemoryQueue } from '../../src/events/memory-queue.ts';
import { HandClock } from './hand-clock.ts';
import { push } from './sample-events.ts';

const limits: DeliveryLimits = {
  attempts: 4,
  firstDelay: 1000,
  maxDelay: 60_000,
  maxAge: 3_600_000,
  timeout: 10_000,
};
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A queue in memory that keeps the letters of what was given up. */
class KeptLetters extends MemoryQueue {
  readonly letters: DeadLetter[] = [];

  override async setAside(_name: string, _index: number, letter: DeadLetter): Promise<void> {
    this.letters.push(letter);
  }
}

describe('The delivery of events', () => {
  let clock: HandClock;
  let queue: KeptLetters;
  let delivery: Delivery;
  /** What has been delivered, or tried: repository and digest. */
  let delivered: string[];
  let tried: string[];
  /** What is wrong with an event now, if anything. */
  let faultOf: (event: SinkEvent) => DeliveryError | undefined;
  beforeEach(() => {
    clock = new HandClock();
    queue = new KeptLetters(quiet, () => clock.now());
    delivered = [];
    tried = [];
    faultOf = () => undefined;
    const deliver = async (event: SinkEvent): Promise<void> => {
      const name = event.kind === 'access' ? event.action : `${event.repository} ${event.tag}`;
      tried.push(name);
      const fault = faultOf(event);
      if (fault !== undefined) throw fault;
      delivered.push(name);
    };
    delivery = new Delivery(queue, deliver, { limits, log: quiet, clock });
  });
  afterEach(() => delivery.stop());

  async function add(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const [repository = '', tag = ''] = name.split(' ');
      delivery.wake(queue.append(push(repository, { tag })) ?? '');
    }
    await delivery.settled();
  }

  /** Goes on, in time, until nothing waits or it is enough. */
  async function goOn(steps = 1000): Promise<void> {
    for (let step = 0; step < steps && queue.waiting > 0 && clock.next(); step += 1) await delivery.settled();
  }

  const isOf = (repository: string, event: SinkEvent): boolean =>
    event.kind !== 'access' && event.repository === repository;

  it('delivers what is there, in order for each repository', async () => {
    await add('a 1', 'b 1', 'a 2', 'b 2', 'a 3');
    expect(delivered.filter((name) => name.startsWith('a'))).to.deep.equal(['a 1', 'a 2', 'a 3']);
    expect(delivered.filter((name) => name.startsWith('b'))).to.deep.equal(['b 1', 'b 2']);
    expect(queue.waiting).to.equal(0);
  });

  it('tries again later what fails, and lets nothing of the same repository pass it', async () => {
    faultOf = (event) => (isOf('a', event) ? new DeliveryError('failed', 'busy') : undefined);
    await add('a 1', 'a 2', 'b 1');
    expect(delivered).to.deep.equal(['b 1']);
    expect(tried.filter((name) => name.startsWith('a'))).to.deep.equal(['a 1']);
    faultOf = () => undefined;
    await goOn();
    expect(delivered).to.deep.equal(['b 1', 'a 1', 'a 2']);
  });

  it('waits longer after each failure, with jitter, and never longer than it may', async () => {
    faultOf = () => new DeliveryError('unavailable', 'nobody is there');
    const began = clock.now();
    const times: number[] = [];
    await add('a 1');
    for (let attempt = tried.length; attempt < 12; attempt = tried.length) {
      await goOn(1);
      if (tried.length > attempt) times.push(clock.now() - began);
    }
    const waits = times.map((time, index) => time - (times[index - 1] ?? 0));
    for (const [index, wait] of waits.entries()) {
      if (index < 4) expect(wait).to.be.within(500 * 2 ** index, 1000 * 2 ** index);
      expect(wait).to.be.at.most(2 * limits.maxDelay);
    }
  });

  it('sets aside at once what the receiver rejects, and goes on with the rest', async () => {
    faultOf = (event) =>
      'tag' in event && event.tag === '1' ? new DeliveryError('rejected', 'no') : undefined;
    await add('a 1', 'a 2');
    expect(delivered).to.deep.equal(['a 2']);
    expect(queue.letters).to.have.lengthOf(1);
    expect(queue.letters[0]).to.deep.include({ reason: 'no', attempts: 1 });
  });

  it('sets aside what has failed as often as it may, and goes on with the rest', async () => {
    faultOf = (event) =>
      'tag' in event && event.tag === '1' ? new DeliveryError('failed', 'broken') : undefined;
    await add('a 1', 'a 2', 'b 2');
    await goOn();
    expect(delivered).to.deep.equal(['b 2', 'a 2']);
    expect(tried.filter((name) => name === 'a 1')).to.have.lengthOf(4);
    expect(queue.letters.map(({ attempts }) => attempts)).to.deep.equal([4]);
  });

  it('keeps everything for a receiver that is not there, and delivers it in order when it is back', async () => {
    faultOf = () => new DeliveryError('unavailable', 'connection refused');
    await add('a 1', 'a 2', 'b 1', 'c 1');
    await goOn(40);
    expect(delivered).to.deep.equal([]);
    expect(queue.letters).to.deep.equal([]);
    faultOf = () => undefined;
    await goOn();
    expect(delivered).to.have.members(['a 1', 'a 2', 'b 1', 'c 1']);
    expect(delivered.indexOf('a 1')).to.be.below(delivered.indexOf('a 2'));
  });

  it('gives up what has waited too long for a receiver that is not there', async () => {
    faultOf = () => new DeliveryError('unavailable', 'connection refused');
    await add('a 1');
    await goOn();
    expect(queue.letters.map(({ reason }) => reason)).to.deep.equal(['connection refused']);
  });

  it('leaves a receiver alone that is down: one event is tried at a time, however many wait', async () => {
    faultOf = () => new DeliveryError('unavailable', 'connection refused');
    await add(...Array.from({ length: 40 }, (_, index) => `r${index} 1`));
    expect(delivery.isDown).to.equal(true);
    const before = tried.length;
    clock.pass(limits.maxDelay);
    await goOn(1);
    expect(tried.length - before).to.be.at.most(1);
    faultOf = () => undefined;
    await goOn();
    expect(delivered).to.have.lengthOf(40);
    expect(delivery.isDown).to.equal(false);
  });

  it('does not come back before the time the receiver asks for', async () => {
    faultOf = () => new DeliveryError('unavailable', 'slow down', { retryAfter: 30_000 });
    const began = clock.now();
    await add('a 1');
    faultOf = () => undefined;
    await goOn();
    expect(clock.now() - began).to.be.at.least(30_000);
    expect(delivered).to.deep.equal(['a 1']);
  });

  it('takes an error that does not say what is wrong for a failure', async () => {
    const failing = new Delivery(queue, () => Promise.reject(new TypeError('a mistake')), {
      limits: { ...limits, attempts: 1 },
      log: quiet,
      clock,
    });
    failing.wake(queue.append(push('a')) ?? '');
    await failing.settled();
    expect(queue.letters.map(({ reason }) => reason)).to.deep.equal(['a mistake']);
  });

  it('ends what is under way when it stops, and keeps what has not been delivered', async () => {
    let aborted: unknown;
    const hanging = new Delivery(
      queue,
      (_event, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = signal.reason;
            reject(new Error('aborted'));
          });
        }),
      { limits, log: quiet, clock },
    );
    hanging.wake(queue.append(push('a')) ?? '');
    await new Promise(setImmediate);
    await hanging.stop();
    expect(aborted).to.be.an('error');
    expect(queue.waiting).to.equal(1);
    expect(queue.letters).to.deep.equal([]);
  });
});

describe('Events that wait in memory', () => {
  it('are dropped beyond ten thousand changes, two thousand pulls and a thousand of access, and counted', () => {
    const lines: object[] = [];
    const queue = new MemoryQueue({ ...quiet, warn: (details) => void lines.push(details) }, () => 0);
    for (let count = 0; count < 2003; count += 1) queue.append(push('a', { action: 'pull' }));
    expect(queue).to.include({ waiting: 2000, dropped: 3 });
    expect(queue.append(push('a'))).to.be.a('string');
    expect(lines).to.deep.equal([{ kind: 'pull', dropped: 1 }]);
  });
});
