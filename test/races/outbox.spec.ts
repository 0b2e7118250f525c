import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import { Outbox } from '@entrepot/plugin-sdk/events';
import { explore, failureOf, type ExploreOptions } from './explore.ts';
import { outboxScene, type OpenOutbox, type OutboxCase } from './outbox-scene.ts';

/** Of one repository: they are in one lane. */
function event(name: string): RegistryEvent {
  return {
    id: name,
    action: 'push',
    kind: 'manifest',
    time: '2026-01-01T00:00:00.000Z',
    repository: 'library/app',
    target: { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
    address: '127.0.0.1',
    requestId: '1',
    method: 'PUT',
  };
}

const [first, second, third] = [event('first'), event('second'), event('third')] as const;

async function exploreAll(scene: OutboxCase, options?: ExploreOptions): Promise<void> {
  const { complete } = await explore(outboxScene(scene), options);
  expect(complete, 'every schedule has been played').to.equal(true);
}

describe('An event that has been written down before its request is answered', () => {
  it('is delivered, whatever the order of the request and of who delivers', () =>
    exploreAll({ requests: { P: first }, deliverers: ['D'] }));

  it('is delivered though the process dies at any moment', () =>
    exploreAll({ requests: { P: first }, deliverers: ['D'] }, { deaths: 2 }));

  it('is delivered once by two replicas, in order', () =>
    exploreAll({ waiting: [first, second], deliverers: ['D', 'E'] }));

  it('is delivered by another replica when the one that began dies at any moment', () =>
    exploreAll({ waiting: [first, second], deliverers: ['D', 'E'] }, { deaths: 1 }));

  it('is delivered while one before it is rejected, which becomes a dead letter', () =>
    exploreAll({ waiting: [first, second, third], rejected: ['second'], deliverers: ['D'] }, { deaths: 1 }));

  it('is delivered beside requests and two replicas, any two of which die', () =>
    exploreAll(
      { waiting: [first], requests: { P: second, Q: third }, rejected: ['first'], deliverers: ['D', 'E'] },
      { deaths: 2 },
    ));
});

describe('Without one of the safeguards of the queue of events', () => {
  /** Whoever asks may deliver. */
  class OpenToAll extends Outbox {
    override async take() {
      return { isLost: false, release: async () => undefined };
    }
  }

  /** Lets go of an entry before it has been delivered. */
  class Hasty extends Outbox {
    override async read(lane: string, name: string) {
      const entry = await super.read(lane, name);
      await super.remove(lane, name, []);
      return entry;
    }
  }

  const options = { maxBytes: 1_000_000, keepFor: 0, now: () => Date.now() };
  const log = { debug() {}, info() {}, warn() {}, error() {} };

  it('which is the lease, replicas deliver twice', async () => {
    const open: OpenOutbox = (driver) => new OpenToAll(driver, 'sink', { ...options, log });
    const failure = await failureOf(explore(outboxScene({ waiting: [first], deliverers: ['D', 'E'], open })));
    expect(failure).to.include('first has come twice');
  });

  it('which is that an entry goes last, a death loses events', async () => {
    const open: OpenOutbox = (driver) => new Hasty(driver, 'sink', { ...options, log });
    const scene = outboxScene({ waiting: [first], deliverers: ['D'], open });
    expect(await failureOf(explore(scene, { deaths: 1 }))).to.include(
      'first has been acknowledged and is lost',
    );
  });
});
