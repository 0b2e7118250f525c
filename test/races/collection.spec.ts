import { expect } from 'chai';
import { blobRecordFormat, type BlobRecord } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import type { Store } from '../../core/src/store/index.ts';
import { ask, digestOf, has, imageOf, inlined, mount, stored, upload, uploadTo } from './blob-requests.ts';
import { Collector } from './collector.ts';
import { explore, failureOf, type ExploreOptions, type Scene } from './explore.ts';
import { openStore } from './registry-view.ts';
import type { Stage } from './stage.ts';
import { stoppedClock } from './stopped-clock.ts';

const HOUR = 3_600_000;
const repositories = ['a', 'b'];

/** Somebody who is promised something: in which repository the blob then has to be. */
interface Client {
  readonly repository: string;
  readonly act: (store: Store, content: string) => Promise<string>;
  /** The answer that promises it. */
  readonly promise: string;
}

/** What clients do who push an image: they ask for the layer, send it if it is not there, and push the manifest. */
function push(repository: string): Client {
  return {
    repository,
    promise: 'pushed',
    act: async (store, content) => {
      if (!(await has(store, repository, content))) await upload(store, repository, content);
      const options = { tags: ['v1'], actor: undefined, mayLack: 'nothing', condition: undefined } as const;
      await store.manifests.put(repository, imageOf(content), options);
      return 'pushed';
    },
  };
}

const uploader = (repository: string): Client => ({
  repository,
  act: uploadTo(repository).ask,
  promise: 'uploaded',
});
const asker = (repository: string): Client => ({ repository, act: ask(repository).ask, promise: 'there' });
const mounter: Client = { repository: 'b', act: mount('a', 'b').ask, promise: 'mounted' };

/** Mounts a layer and pushes the manifest; what cannot be mounted is sent. */
const mountingPusher: Client = {
  repository: 'b',
  promise: 'pushed',
  act: async (store, content) => {
    await mount('a', 'b').ask(store, content);
    return push('b').act(store, content);
  },
};

interface Case {
  /** The state in which collection has left the record, an hour ago. */
  readonly state: BlobRecord['state'];
  readonly clients: Readonly<Record<string, Client>>;
  readonly collectors: Readonly<Record<string, 'condemn' | 'collect'>>;
}

function collection({ state, clients, collectors }: Case, content: string): Scene {
  const digest = digestOf(content);
  return {
    // The catalog knows no order: once there, a repository stays.
    passes: / catalog\//,
    setup: async (stage) => {
      const driver = stage.driver();
      await upload(openStore(driver), 'a', content);
      const record = blobRecordFormat.decode(
        (await driver.read(keys.record(digest)))?.bytes ?? new Uint8Array(),
      );
      if (record === undefined) throw new Error('nothing has been stored');
      await driver.write(keys.record(digest), blobRecordFormat.encode({ ...record, state }));
    },
    actors: (stage) => {
      stoppedClock.pass(HOUR);
      const acting = Object.entries(clients).map(([name, { act }]) => {
        const store = openStore(stage.driver());
        return [name, () => act(store, content)] as const;
      });
      const collecting = Object.entries(collectors).map(([name, step]) => {
        const collector = new Collector(stage.driver(), repositories);
        return [name, () => collector[step](digest)] as const;
      });
      return Object.fromEntries([...acting, ...collecting]);
    },
    check: async (stage) => {
      await expectPromisesKept(stage, clients, content);
      // Another collector goes on where one has died, and the next mark finds what has been pushed.
      await new Collector(stage.driver(), repositories).collect(digest);
      await expectPromisesKept(stage, clients, content);
      stoppedClock.pass(HOUR);
      await new Collector(stage.driver(), repositories).collect(digest);
      const pushers = Object.entries(clients).filter(([, { promise }]) => promise === 'pushed');
      await expectPromisesKept(stage, Object.fromEntries(pushers), content);
    },
  };
}

async function expectPromisesKept(stage: Stage, clients: Case['clients'], content: string): Promise<void> {
  const store = openStore(stage.driver());
  for (const { name, outcome } of stage.actors) {
    if (outcome.end === 'error') throw outcome.error;
    const client = clients[name];
    if (client === undefined || outcome.end !== 'answer' || outcome.answer !== client.promise) continue;
    if (!(await has(store, client.repository, content)))
      throw new Error(`${name} has been promised the blob`);
  }
}
const collect = { C: 'collect' } as const;
const twice = { C: 'collect', D: 'collect' } as const;

/** Few enough orders to play all of them. */
const cases: Readonly<Record<string, Case>> = {
  'a push to another repository, and the last steps of collection': {
    state: 'condemned',
    clients: { P: push('b') },
    collectors: collect,
  },
  'a push to the same repository, and the end of a collection that was broken off': {
    state: 'deleting',
    clients: { P: push('a') },
    collectors: collect,
  },
  'a push to the same repository, and the first step of collection': {
    state: 'live',
    clients: { P: push('a') },
    collectors: { C: 'condemn' },
  },
  'an upload to the same repository': {
    state: 'condemned',
    clients: { U: uploader('a') },
    collectors: collect,
  },
  'an upload to another repository': {
    state: 'condemned',
    clients: { U: uploader('b') },
    collectors: collect,
  },
  'a mount': { state: 'condemned', clients: { M: mounter }, collectors: collect },
  'a client who asks whether it is there': {
    state: 'condemned',
    clients: { H: asker('a') },
    collectors: collect,
  },
};

/** Too many orders to play all of them each time. */
const sampled: Readonly<Record<string, Case>> = {
  'a push to the same repository, and the last steps of collection': {
    state: 'condemned',
    clients: { P: push('a') },
    collectors: collect,
  },
  'a mount, and a push that relies on it': {
    state: 'condemned',
    clients: { P: mountingPusher },
    collectors: collect,
  },
  'two pushes': { state: 'condemned', clients: { P: push('a'), Q: push('b') }, collectors: collect },
  'an upload, and two collectors': {
    state: 'condemned',
    clients: { U: uploader('a') },
    collectors: twice,
  },
  'an upload, and two collectors that go on where another has died': {
    state: 'deleting',
    clients: { U: uploader('a') },
    collectors: twice,
  },
};

async function sample(scene: Case, options?: ExploreOptions): Promise<void> {
  const { endings } = await explore(collection(scene, stored), { limit: 60, ...options });
  expect(endings).to.be.greaterThan(5);
}

describe('collection takes nothing from clients who have been promised it', () => {
  for (const [sentence, scene] of Object.entries(cases)) {
    for (const [kind, content] of Object.entries({ 'many bytes': stored, 'few bytes': inlined })) {
      it(`${sentence}, of ${kind}`, async () => {
        const { complete } = await explore(collection(scene, content));
        expect(complete, 'every schedule has been played').to.equal(true);
      });
    }
    it(`${sentence}, one of whom dies`, () => sample(scene, { deaths: 1 }));
  }
  for (const [sentence, scene] of Object.entries(sampled)) {
    it(sentence, () => sample(scene));
    it(`${sentence}, one of whom dies`, () => sample(scene, { deaths: 1 }));
  }

  it('which it would do if it did not wait for pushes that looked before the blob was condemned', async () => {
    const patient = collection({ state: 'live', clients: { P: push('a') }, collectors: {} }, stored);
    const hasty: Scene = {
      ...patient,
      actors: (stage) => {
        const collector = new Collector(stage.driver(), repositories, 0);
        return {
          ...patient.actors(stage),
          C: async () => {
            await collector.condemn(digestOf(stored));
            return collector.collect(digestOf(stored));
          },
        };
      },
    };
    expect(await failureOf(explore(hasty))).to.match(/has been promised the blob|unknown to registry/);
  });
});
