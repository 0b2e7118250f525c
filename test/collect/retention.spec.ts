import { withMethods, type JudgedTag, type RetentionPolicy } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import {
  TagRetention,
  type RetentionStep,
  type RetentionSummary,
} from '../../core/src/store/tag-retention.ts';
import { rejectionOf } from '../../core/test/rejection.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR } from './collecting.ts';
import { FilledStore } from './filled-store.ts';
import { undoOn } from './undo-cases.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };
const repository = 'team/app';

/** Keeps the tags whose names say so. */
const policy: RetentionPolicy = {
  interval: 1,
  isAbout: (name) => name.startsWith('team/'),
  judge: async (_, tags) =>
    tags.map(({ tag }) => ({ tag, keeps: tag.startsWith('keep'), rule: 'by its name' })),
};

describe('Retention of tags', () => {
  let filled: FilledStore;
  beforeEach(() => {
    stoppedClock.stop();
    filled = new FilledStore(new MemoryDriver(new Memory(2 ** 26)), { keepsDeleted: true });
  });
  afterEach(() => stoppedClock.release());

  async function run({ rules = policy, dryRun = false, driver = filled.driver } = {}): Promise<{
    steps: RetentionStep[];
    summary: RetentionSummary;
  }> {
    const { tags } = filled.store;
    const running = new TagRetention(driver, { policy: rules, tags, dryRun, log }).run();
    const steps: RetentionStep[] = [];
    for (;;) {
      const next = await running.next();
      if (next.done === true) return { steps, summary: next.value };
      steps.push(next.value);
    }
  }
  const tagsOf = async (name = repository): Promise<readonly string[]> =>
    (await filled.store.tags.list(name, { limit: 100 })).names;

  it('drops what no rule keeps, each tag for itself, in the repositories it is about', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['keep-1', 'old-1', 'old-2'] });
    await filled.pushImage('other/app', 'other', { tags: ['old-1'] });
    const { steps, summary } = await run();
    expect(steps.map(({ tag, outcome, rule }) => [tag, outcome, rule])).to.deep.equal([
      ['keep-1', 'kept', 'by its name'],
      ['old-1', 'dropped', 'by its name'],
      ['old-2', 'dropped', 'by its name'],
    ]);
    expect(summary).to.deep.include({ repositories: 1, kept: 1, dropped: 2, changed: 0, failed: 0 });
    expect([await tagsOf(), await tagsOf('other/app')]).to.deep.equal([['keep-1'], ['old-1']]);
    expect(await filled.store.manifests.get(repository, image.digest)).to.not.equal(undefined);
  });

  it('does what its dry run has told, which changes nothing', async () => {
    await filled.pushImage(repository, 'image', { tags: ['keep-1', 'old-1'] });
    const dry = await run({ dryRun: true });
    expect(await tagsOf()).to.deep.equal(['keep-1', 'old-1']);
    expect((await run()).steps).to.deep.equal(dry.steps);
    expect(await tagsOf()).to.deep.equal(['keep-1']);
  });

  it('can be undone, and says in the history that it was retention', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['old-1'] });
    await run();
    const undo = undoOn(filled.store);
    const [deletion] = await undo.history(repository, 'old-1');
    expect(deletion).to.deep.include({ digest: image.digest, deleted: 'tag', actor: 'retention' });
    await undo.undeleteTag(repository, 'old-1');
    expect(await tagsOf()).to.deep.equal(['old-1']);
  });

  it('judges by when a tag was set to what it points at, not by when that was pushed again', async () => {
    const pushed = Date.now();
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    stoppedClock.pass(HOUR);
    await filled.pushManifest(repository, image, { tags: ['v1', 'v2'] });
    const judged: JudgedTag[] = [];
    await run({ rules: { ...policy, judge: async (_, tags) => (judged.push(...tags), []) } });
    expect(judged).to.deep.equal([
      { tag: 'v1', digest: image.digest, pushed },
      { tag: 'v2', digest: image.digest, pushed: pushed + HOUR },
    ]);
    expect(await tagsOf()).to.deep.equal(['v1', 'v2']);
  });

  const meanwhile: Readonly<Record<string, (image: { digest: string }) => Promise<unknown>>> = {
    'has moved': () => filled.pushImage(repository, 'another', { tags: ['old-1'] }),
    'has moved and come back': async ({ digest }) => {
      await filled.pushImage(repository, 'another', { tags: ['old-1'] });
      await undoOn(filled.store).restoreTag(repository, 'old-1', digest);
    },
  };
  for (const [what, change] of Object.entries(meanwhile)) {
    it(`spares a tag that ${what} since it was judged`, async () => {
      const image = await filled.pushImage(repository, 'image', { tags: ['old-1'] });
      const judge: RetentionPolicy['judge'] = async (name, tags) => {
        stoppedClock.pass(1);
        await change(image);
        return policy.judge(name, tags);
      };
      const { steps } = await run({ rules: { ...policy, judge } });
      expect(steps.map(({ outcome }) => outcome)).to.deep.equal(['changed']);
      expect(await tagsOf()).to.deep.equal(['old-1']);
    });
  }

  it('keeps all tags of a repository that cannot be judged, says so, and goes on with others', async () => {
    await filled.pushImage('team/a', 'image', { tags: ['old-1'] });
    await filled.pushImage('team/b', 'image', { tags: ['old-1'] });
    const judge: RetentionPolicy['judge'] = async (name, tags) => {
      if (name === 'team/a') throw new Error('nobody knows');
      return policy.judge(name, tags);
    };
    const { summary } = await run({ rules: { ...policy, judge } });
    expect(summary).to.deep.include({ failed: 1, dropped: 1 });
    expect([await tagsOf('team/a'), await tagsOf('team/b')]).to.deep.equal([['old-1'], []]);
  });

  it('keeps a tag without a verdict, and one that is damaged', async () => {
    await filled.pushImage(repository, 'image', { tags: ['old-1', 'old-2'] });
    const [key = ''] = await filled.keys('repos/team~app/tags/');
    await filled.driver.write(key, Buffer.from('{'));
    expect((await run({ rules: { ...policy, judge: async () => [] } })).summary.dropped).to.equal(0);
    expect((await run()).summary).to.deep.include({ kept: 0, dropped: 1 });
    expect(await tagsOf()).to.deep.equal(['old-1']);
  });

  it('ends before it drops anything of a repository that the storage does not give', async () => {
    await filled.pushImage(repository, 'image', { tags: ['old-1', 'old-2'] });
    const failing = withMethods(filled.driver, {
      read: async (key) => {
        if (key.endsWith('/tags/old-2')) throw new Error('not now');
        return filled.driver.read(key);
      },
    });
    expect((await rejectionOf(run({ driver: failing }))).message).to.equal('not now');
    expect(await tagsOf()).to.deep.equal(['old-1', 'old-2']);
  });
});
