import { expect } from 'chai';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '../../core/src/store/keys.ts';
import {
  ask,
  digestOf,
  has,
  inlined,
  mount,
  stored,
  unlink,
  uploadTo,
  type BlobRequest,
} from './blob-requests.ts';
import { isExplained } from './explanation.ts';
import { explore, type ExploreOptions, type Scene } from './explore.ts';
import { openStore } from './registry-view.ts';
import { unneededOn } from './upload-view.ts';

interface Case {
  /** Who has the blob before. */
  readonly holders?: readonly string[];
  readonly atOnce: Readonly<Record<string, BlobRequest>>;
  /** Done to what is stored before. */
  readonly harm?: (driver: StorageDriver, content: string) => Promise<void>;
}

/** A scene of requests for one blob, whose end some order of the requests has to explain. */
function blobRequests(
  { holders = [], atOnce, harm }: Case,
  content: string,
  processes: 'one' | 'each',
): Scene {
  return {
    setup: async (stage) => {
      const driver = stage.driver();
      const store = openStore(driver);
      for (const repository of holders) await uploadTo(repository).ask(store, content);
      await harm?.(driver, content);
    },
    actors: (stage) => {
      const shared = processes === 'one' ? openStore(stage.driver()) : undefined;
      return Object.fromEntries(
        Object.entries(atOnce).map(([name, request]) => {
          const store = shared ?? openStore(stage.driver());
          return [name, () => request.ask(store, content)];
        }),
      );
    },
    check: async (stage) => {
      const store = openStore(stage.driver());
      const last: string[] = [];
      for (const repository of ['a', 'b']) if (await has(store, repository, content)) last.push(repository);
      const operations = Object.fromEntries(
        Object.entries(atOnce).map(([name, { operation }]) => [name, operation]),
      );
      const ends = stage.actors.map(({ name, outcome }) => `${name}: ${JSON.stringify(outcome)}`);
      if (!isExplained(harm === undefined ? holders : [], operations, stage.actors, last)) {
        throw new Error(`no order of the requests explains the end: ${last.join(', ')}\n${ends.join('\n')}`);
      }
      if (stage.actors.some(({ outcome }) => outcome.end === 'death')) {
        // What a crash leaves is in nobody's way.
        for (const repository of ['a', 'b']) {
          await uploadTo(repository).ask(store, content);
          if (!(await has(store, repository, content)))
            throw new Error(`${repository} cannot have it any more`);
        }
        return;
      }
      // Bytes that are no good stay until somebody has looked at them.
      const unneeded = harm === undefined ? await unneededOn(stage) : [];
      if (unneeded.length > 0) throw new Error(`space has been left behind: ${unneeded.join(', ')}`);
    },
  };
}

/** The key of the bytes of the only blob there is. */
async function dataKey(driver: StorageDriver): Promise<string> {
  const [key] = (await driver.list('data/', { limit: 1 })).keys;
  if (key === undefined) throw new Error('no bytes are stored');
  return key;
}

const harms: Readonly<Record<string, NonNullable<Case['harm']>>> = {
  'whose bytes are gone': async (driver) => driver.delete(await dataKey(driver)),
  'whose bytes are cut': async (driver) => {
    await driver.write(await dataKey(driver), Buffer.from('many'));
  },
  'whose bytes are others': async (driver, content) => {
    await driver.write(await dataKey(driver), Buffer.from(content.replaceAll('many', 'less')));
  },
  'whose record is garbage': async (driver, content) => {
    await driver.write(keys.record(digestOf(content)), Buffer.from('{'));
  },
};

const cases: Readonly<Record<string, Case>> = {
  'two uploads to one repository': { atOnce: { U: uploadTo('a'), V: uploadTo('a') } },
  'uploads to two repositories': { atOnce: { U: uploadTo('a'), V: uploadTo('b') } },
  'an upload of what another repository has, and its deletion there': {
    holders: ['a'],
    atOnce: { U: uploadTo('b'), D: unlink('a') },
  },
  'an upload of what the repository has, and its deletion': {
    holders: ['a'],
    atOnce: { U: uploadTo('a'), D: unlink('a') },
  },
  'an upload, and a mount of it': { atOnce: { U: uploadTo('a'), M: mount('a', 'b') } },
  'a mount, and the deletion at its source': {
    holders: ['a'],
    atOnce: { M: mount('a', 'b'), D: unlink('a') },
  },
  'a mount, and the deletion at its target': {
    holders: ['a', 'b'],
    atOnce: { M: mount('a', 'b'), D: unlink('b') },
  },
  'a mount, and an upload to its target': {
    holders: ['a'],
    atOnce: { M: mount('a', 'b'), U: uploadTo('b') },
  },
  'two deletions': { holders: ['a'], atOnce: { D: unlink('a'), E: unlink('a') } },
  'a question, and a deletion': { holders: ['a'], atOnce: { H: ask('a'), D: unlink('a') } },
};

async function exploreAll(scene: Scene, options?: ExploreOptions): Promise<void> {
  const { complete } = await explore(scene, options);
  expect(complete, 'every schedule has been played').to.equal(true);
}

describe('two requests for one blob at the same time leave what one after the other would have left', () => {
  for (const [sentence, requests] of Object.entries(cases)) {
    it(`${sentence}, in processes of their own`, () => exploreAll(blobRequests(requests, stored, 'each')));
    it(`${sentence}, in one process`, () => exploreAll(blobRequests(requests, stored, 'one')));
    it(`${sentence}, of few bytes`, () => exploreAll(blobRequests(requests, inlined, 'each')));
  }
});

describe('a process that dies in the middle of a request leaves a blob that is whole or absent, and can be pushed', () => {
  const alone: Readonly<Record<string, Case>> = {
    'an upload': { atOnce: { U: uploadTo('a') } },
    'an upload of what is there': { holders: ['b'], atOnce: { U: uploadTo('a') } },
    'a mount': { holders: ['a'], atOnce: { M: mount('a', 'b') } },
    'a deletion': { holders: ['a'], atOnce: { D: unlink('a') } },
    'an upload, beside another one': { atOnce: { U: uploadTo('a'), V: uploadTo('b') } },
    'an upload, beside a deletion': { holders: ['a'], atOnce: { U: uploadTo('a'), D: unlink('a') } },
  };
  for (const [sentence, requests] of Object.entries(alone)) {
    it(sentence, () => exploreAll(blobRequests(requests, stored, 'each'), { deaths: 1 }));
    it(`${sentence}, of few bytes`, () => exploreAll(blobRequests(requests, inlined, 'each'), { deaths: 1 }));
  }
});

describe('two uploads at the same time heal a blob', () => {
  for (const [how, harm] of Object.entries(harms)) {
    const requests = { holders: ['a'], atOnce: { U: uploadTo('a'), V: uploadTo('b') }, harm };
    it(how, () => exploreAll(blobRequests(requests, stored, 'each')));
  }
});
