import { expect } from 'chai';
import { createHooks, type RegistryEvent } from '@entrepot/plugin-sdk';
import { EventBus } from '../../src/events/event-bus.ts';
import { keepLog } from '../plugins/log-lines.ts';

const target = { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 };

function events(count: number, from = 0): RegistryEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    id: String(from + index),
    action: 'push',
    kind: 'manifest',
    time: '2026-01-01T00:00:00.000Z',
    repository: `r${from + index}`,
    target,
    address: '127.0.0.1',
    requestId: '1',
    method: 'PUT',
  }));
}

describe('The queue of events', () => {
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

  it('keeps nothing while nobody listens', async () => {
    const { log } = await keepLog();
    const bus = new EventBus(createHooks(), log);
    bus.publish(events(3));
    expect(bus.figures).to.deep.equal({ waiting: 0, dropped: 0 });
  });

  it('gives taps sixteen events at once, in order, and the next when one is done', async () => {
    const { bus, begun, release } = await stuckBus();
    bus.publish(events(10));
    bus.publish(events(30, 10));
    expect(begun).to.deep.equal(Array.from({ length: 16 }, (_, index) => `r${index}`));
    release();
    await bus.drain(10_000);
    expect(begun).to.deep.equal(Array.from({ length: 40 }, (_, index) => `r${index}`));
  });

  it('holds ten thousand that wait; more are dropped, and the log counts them once', async () => {
    const { bus, begun, lines, release } = await stuckBus();
    bus.publish(events(16));
    bus.publish(events(10_000, 16));
    bus.publish(events(7, 10_016));
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
    bus.publish(events(3));
    await bus.drain(10_000);
    expect(heard).to.deep.equal(['r0', 'r2']);
    const failures = lines.filter(({ level }) => level === 'error');
    expect(failures).to.have.lengthOf(1);
    expect(failures[0]).to.have.nested.property('err.message', 'the sink is broken');
  });
});
