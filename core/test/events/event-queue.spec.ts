import { expect } from 'chai';
import { createHooks, type RegistryEvent } from '@entrepot/plugin-sdk';
import { EventBus, type Happening } from '../../src/events/event-bus.ts';
import { bareRequest } from '../http/bare-request.ts';
import { keepLog } from '../plugins/log-lines.ts';

const target = { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 };

function happenings(count: number, from = 0): Happening[] {
  return Array.from({ length: count }, (_, index) => ({
    action: 'push',
    kind: 'manifest',
    repository: `r${from + index}`,
    target,
  }));
}

describe('The queue of events', () => {
  const { context } = bareRequest({ 'user-agent': 'test' }, { method: 'PUT' });

  /** A bus whose tap ends when it is told to. */
  async function stuckBus() {
    const hooks = createHooks();
    const begun: string[] = [];
    const released = Promise.withResolvers<void>();
    hooks.event.tapPromise('sink', ({ repository }) => {
      begun.push(repository);
      return released.promise;
    });
    const { log, lines } = await keepLog();
    return { bus: new EventBus(hooks, log), begun, lines, release: released.resolve };
  }

  it('is not used while nobody listens', async () => {
    const { log } = await keepLog();
    const hooks = createHooks();
    expect(new EventBus(hooks, log).isUsed).to.equal(false);
    hooks.event.tap('sink', () => undefined);
    expect(new EventBus(hooks, log).isUsed).to.equal(true);
  });

  it('adds to what has happened who asked, when, and an id of its own', async () => {
    const hooks = createHooks();
    const heard: RegistryEvent[] = [];
    hooks.event.tap('sink', (event) => void heard.push(event));
    const { log } = await keepLog();
    new EventBus(hooks, log).publish(context, happenings(2));
    expect(heard).to.have.lengthOf(2);
    for (const [index, event] of heard.entries()) {
      expect(event).to.deep.include({
        action: 'push',
        kind: 'manifest',
        repository: `r${index}`,
        target,
        requestId: context.requestId,
        method: 'PUT',
        userAgent: 'test',
      });
      expect(event).to.not.have.property('actor');
    }
    expect(heard[0]?.id).to.not.equal(heard[1]?.id);
  });

  it('gives taps sixteen events at once, in order, and the next when one is done', async () => {
    const { bus, begun, release } = await stuckBus();
    bus.publish(context, happenings(10));
    bus.publish(context, happenings(30, 10));
    expect(begun).to.deep.equal(Array.from({ length: 16 }, (_, index) => `r${index}`));
    release();
    await bus.drain(10_000);
    expect(begun).to.deep.equal(Array.from({ length: 40 }, (_, index) => `r${index}`));
  });

  it('holds ten thousand that wait; more are dropped, and the log counts them once', async () => {
    const { bus, begun, lines, release } = await stuckBus();
    bus.publish(context, happenings(16));
    bus.publish(context, happenings(10_000, 16));
    bus.publish(context, happenings(7, 10_016));
    release();
    await bus.drain(10_000);
    expect(begun).to.have.lengthOf(10_016);
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ dropped }) => dropped)).to.deep.equal([7]);
  });

  it('goes on when a tap fails, and tells the log which event it was', async () => {
    const hooks = createHooks();
    const heard: string[] = [];
    hooks.event.tapPromise('sink', async ({ repository }) => {
      if (repository === 'r1') throw new Error('the sink is broken');
      heard.push(repository);
    });
    const { log, lines } = await keepLog();
    const bus = new EventBus(hooks, log);
    bus.publish(context, happenings(3));
    await bus.drain(10_000);
    expect(heard).to.deep.equal(['r0', 'r2']);
    const failures = lines.filter(({ level }) => level === 'error');
    expect(failures).to.have.lengthOf(1);
    expect(failures[0]).to.have.nested.property('err.message', 'the sink is broken');
  });
});
