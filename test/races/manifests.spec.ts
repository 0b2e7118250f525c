import { expect } from 'chai';
import { explore, failureOf, type ExploreOptions, type Scene } from './explore.ts';
import { putImmutable, removeUntagged } from './guarded-operations.ts';
import { put, putDuringDelete, putIndex, remove, untag, type Request } from './manifest-operations.ts';
import { indexOf, manifestOf, openStore, viewOf } from './registry-view.ts';
import { requests, type Requests } from './requests.ts';

const subject = manifestOf('subject');
const app = manifestOf('app');
const other = manifestOf('other');
const signature = manifestOf('signature', subject);
const index = indexOf(app);
const known = { subject, app, other, signature, index };

const pushed = put('app', app, []);
const taggedV1 = put('app', app, ['v1']);
const taggedV2 = put('app', app, ['v2']);
const otherTaggedV1 = put('other', other, ['v1']);
const signed = put('signature', signature, []);
const deleted = remove('app', app);
const indexed = putIndex('index', index, 'app', 'all');

/** There are too many orders of three requests to play them all each time. */
const sample: ExploreOptions = { limit: 60 };

type Case = Pick<Requests, 'atOnce' | 'before'>;

/** Sentences about two requests at the same time. */
const pairs: Readonly<Record<string, Case>> = {
  'a push of a new manifest, and its deletion': { atOnce: { P: taggedV1, D: deleted } },
  'a new tag for a manifest, and its deletion': { before: [pushed], atOnce: { P: taggedV1, D: deleted } },
  'a push of what is there already, and its deletion': {
    before: [taggedV1],
    atOnce: { P: taggedV1, D: deleted },
  },
  'a second tag for a manifest, and its deletion': {
    before: [taggedV1],
    atOnce: { P: taggedV2, D: deleted },
  },
  'the move of a tag to a manifest, and its deletion': {
    before: [pushed, otherTaggedV1],
    atOnce: { P: taggedV1, D: deleted },
  },
  'a push of a referrer, and its deletion': {
    before: [put('subject', subject, []), signed],
    atOnce: { P: signed, D: remove('signature', signature) },
  },
  'a push of an index, and the deletion of its child': {
    before: [pushed],
    atOnce: { P: indexed, D: deleted },
  },
  'two deletions of one manifest': { before: [taggedV1], atOnce: { D: deleted, E: deleted } },
  'the deletion of a manifest, and that of its tag': {
    before: [taggedV1],
    atOnce: { D: deleted, U: untag('v1') },
  },
  'two pushes to one tag': { atOnce: { P: taggedV1, O: otherTaggedV1 } },
  'a push to a tag, and its deletion': { before: [taggedV1], atOnce: { O: otherTaggedV1, U: untag('v1') } },
};

async function exploreAll(scene: Omit<Requests, 'known'>, options?: ExploreOptions): Promise<void> {
  const { complete } = await explore(requests({ ...scene, known }), options);
  expect(complete, 'every schedule has been played').to.equal(true);
}

describe('two requests at the same time leave what one after the other would have left', () => {
  for (const [sentence, pair] of Object.entries(pairs)) {
    it(`${sentence}, in processes of their own`, () => exploreAll({ ...pair, processes: 'each' }));
    it(`${sentence}, in one process`, () => exploreAll({ ...pair, processes: 'one' }));
  }
});

describe('two requests at the same time do so as well where what is deleted can be restored', () => {
  for (const [sentence, pair] of Object.entries(pairs)) {
    it(sentence, async () => {
      const scene = requests({ ...pair, processes: 'each', keepsDeleted: true, known });
      expect((await explore(scene, sample)).endings).to.be.greaterThan(1);
    });
  }

  it('two deletions of one manifest, one of whom dies', () =>
    exploreAll(
      { before: [taggedV1], atOnce: { D: deleted, E: deleted }, processes: 'each', keepsDeleted: true },
      { deaths: 1 },
    ));
});

describe('two requests at the same time, of which a guard is asked, leave what one after the other would have left', () => {
  const once = { P: putImmutable('app', app, 'v1'), O: putImmutable('other', other, 'v1') };
  const guarded: Readonly<Record<string, Case>> = {
    'two pushes to a new immutable tag, of which one wins': { atOnce: once },
    'a push to a new immutable tag, and the deletion of its manifest': {
      before: [pushed],
      atOnce: { P: once.P, D: removeUntagged('app', app) },
    },
    'a refused deletion, and another push to the tag': {
      before: [taggedV1],
      atOnce: { P: once.P, D: removeUntagged('app', app) },
    },
    'two deletions of a manifest that has an immutable tag': {
      before: [taggedV1],
      atOnce: { D: removeUntagged('app', app), E: removeUntagged('app', app) },
    },
  };
  for (const [sentence, pair] of Object.entries(guarded))
    it(sentence, () => exploreAll({ ...pair, processes: 'each', keepsDeleted: true }));
});

describe('a process that dies in the middle of a request leaves the old state or the new one', () => {
  it('of a push', () => exploreAll({ atOnce: { P: taggedV1 }, processes: 'each' }, { deaths: 1 }));

  it('of a push with several tags, and each tag has a manifest', async () => {
    const before = [otherTaggedV1];
    await exploreAll(
      { before, atOnce: { P: put('app', app, ['v1', 'v2']) }, processes: 'each' },
      { deaths: 1 },
    );
  });

  it('of a push of a referrer', async () => {
    const before = [put('subject', subject, [])];
    await exploreAll({ before, atOnce: { P: signed }, processes: 'each' }, { deaths: 1 });
  });

  it('of a deletion, and no tag that is left leads nowhere', async () => {
    const before = [taggedV1, taggedV2];
    await exploreAll({ before, atOnce: { D: deleted }, processes: 'each' }, { deaths: 1 });
  });

  it('of a deletion, and an index that needs what is still there can be pushed', async () => {
    const before = [taggedV1];
    const scene = requests({ before, atOnce: { D: deleted }, processes: 'each', known });
    const check: Scene['check'] = async (stage) => {
      const store = openStore(stage.driver());
      const { manifests } = await viewOf(store, known);
      expect(await indexed.ask(store)).to.equal(manifests.includes('app') ? 'put' : 400);
    };
    await explore({ ...scene, check }, { deaths: 1 });
  });

  it('of the deletion of a referrer', async () => {
    const before = [put('subject', subject, []), signed];
    const atOnce = { D: remove('signature', signature) };
    await exploreAll({ before, atOnce, processes: 'each' }, { deaths: 1 });
  });

  it('of a push to a tag, beside another push to it', () =>
    exploreAll({ atOnce: { P: taggedV1, O: otherTaggedV1 }, processes: 'each' }, { deaths: 1 }));

  it('of a deletion, beside another one', () =>
    exploreAll({ before: [taggedV1], atOnce: { D: deleted, E: deleted }, processes: 'each' }, { deaths: 1 }));
});

describe('the one race that is accepted', () => {
  const put1 = putDuringDelete('app', app, ['v1']);

  it('is a push that dies while its manifest is deleted: its tag may lead nowhere', async () => {
    const scene = { before: [pushed], atOnce: { P: put1, D: deleted }, processes: 'each' } as const;
    await exploreAll({ ...scene, mayDangle: true }, { deaths: 1 });
    const strict = { ...scene, atOnce: { P: taggedV1, D: deleted } };
    expect(await failureOf(exploreAll(strict, { deaths: 1 }))).to.match(/explains|leads nowhere/);
  });

  for (const [what, healed] of Object.entries<Request>({
    'another push to the tag': taggedV1,
    'a push of another manifest to it': otherTaggedV1,
    'the deletion of the tag': untag('v1'),
  })) {
    it(`is over with ${what}`, async () => {
      const scene = { before: [pushed], atOnce: { P: put1, D: deleted }, processes: 'each' } as const;
      await exploreAll({ ...scene, after: [healed] }, { deaths: 1 });
    });
  }
});

describe('three requests at the same time leave what one after the other would have left', () => {
  const atOnce = { P: taggedV1, Q: taggedV2, D: deleted };

  for (const processes of ['each', 'one'] as const) {
    it(`two pushes of a manifest and its deletion, in ${processes === 'one' ? 'one process' : 'a process each'}`, async () => {
      const { endings } = await explore(requests({ before: [taggedV1], atOnce, processes, known }), sample);
      expect(endings).to.be.greaterThan(10);
    });
  }
});
