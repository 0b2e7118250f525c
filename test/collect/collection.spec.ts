import { expect } from 'chai';
import { StorageError } from '@entrepot/plugin-sdk';
import { contentOf, descriptor, digestOf, indexOf, types } from '../oci/content.ts';
import { RecordingDriver } from '../../core/test/store/recording-driver.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

const repository = 'team/app';

describe('Garbage collection', () => {
  let filled: FilledStore;
  beforeEach(() => {
    stoppedClock.stop();
    filled = new FilledStore();
  });
  afterEach(() => stoppedClock.release());

  /** Enough time and enough runs for anything that is to go. */
  async function collectAll(): Promise<void> {
    for (let run = 0; run < 4; run += 1) {
      stoppedClock.pass(2 * HOUR);
      await filled.collect();
    }
  }

  describe('of blobs', () => {
    it('condemns what no manifest refers to once it is older than the grace, and deletes it a grace later', async () => {
      const blob = await filled.pushBlob(repository, 'nobody needs this. '.repeat(2000));
      expect((await filled.collect()).steps).to.deep.equal([]);

      stoppedClock.pass(HOUR);
      const { steps } = await filled.collect();
      expect(steps).to.deep.equal([
        { action: 'condemn', kind: 'blob', digest: blob.digest, bytes: blob.bytes.length },
      ]);
      expect((await filled.collect()).steps).to.deep.equal([]);
      stoppedClock.pass(HOUR - 1);
      expect((await filled.collect()).steps).to.deep.equal([]);

      stoppedClock.pass(1);
      const { summary } = await filled.collect();
      expect(summary.blobs).to.deep.include({ deleted: 1, freed: blob.bytes.length });
      for (const prefix of ['blobs/', 'data/', `repos/team~app/blobs/`])
        expect(await filled.keys(prefix), prefix).to.deep.equal([]);
      expect(await filled.hasBlob(repository, blob)).to.equal(false);
    });

    it('deletes those that are kept in their record, and those of other algorithms', async () => {
      await filled.pushBlob(repository, 'few bytes');
      const bytes = Buffer.from('many bytes '.repeat(5000));
      await filled.pushBlob(repository, { bytes, digest: digestOf(bytes, 'sha512') });
      await collectAll();
      for (const prefix of ['blobs/', 'data/', 'repos/']) expect(await filled.keys(prefix)).to.deep.equal([]);
    });

    it('keeps config and layers of every manifest that is there, tagged or not', async () => {
      const images = [
        await filled.pushImage(repository, 'tagged', { tags: ['v1'] }),
        await filled.pushImage(repository, 'untagged'),
      ];
      await collectAll();
      for (const { config, layer } of images) {
        expect(await filled.hasBlob(repository, config)).to.equal(true);
        expect(await filled.hasBlob(repository, layer)).to.equal(true);
      }
    });

    it('keeps what another repository still needs, and takes it when none does', async () => {
      const image = await filled.pushImage('a', 'shared', { tags: ['v1'] });
      await filled.store.blobs.mount('a', 'b', image.layer.digest);
      await filled.store.blobs.mount('a', 'b', image.config.digest);
      await filled.pushManifest('b', image, { tags: ['v1'] });
      await filled.deleteManifest('a', image);
      await collectAll();
      expect(await filled.hasBlob('b', image.layer)).to.equal(true);

      await filled.deleteManifest('b', image);
      await collectAll();
      expect(await filled.keys('blobs/')).to.deep.equal([]);
      expect(await filled.keys('repos/')).to.deep.equal([]);
    });

    it('keeps layers that an index lists as if they were manifests, as caches of builders do', async () => {
      const layer = await filled.pushBlob(repository, 'cached '.repeat(4000));
      const cache = indexOf([{ ...layer, mediaType: types.layer }]);
      await filled.pushManifest(repository, cache, { tags: ['cache'], mayLack: 'children' });
      await collectAll();
      expect(await filled.hasBlob(repository, layer)).to.equal(true);
    });

    it('keeps whatever a manifest may refer to that is damaged, and says so', async () => {
      const image = await filled.pushImage(repository, 'damaged', { tags: ['v1'] });
      const [key = ''] = await filled.keys('repos/team~app/manifests/');
      const stored = Buffer.from((await filled.driver.read(key))?.bytes ?? []);
      await filled.driver.write(key, Buffer.concat([stored, Buffer.from(' ')]));
      await collectAll();
      const { summary } = await filled.collect();
      expect(summary.damaged).to.equal(1);
      expect(await filled.hasBlob(repository, image.layer)).to.equal(true);
      expect(await filled.hasBlob(repository, image.config)).to.equal(true);
    });

    it('finds manifests that no entry of the catalog leads to', async () => {
      const image = await filled.pushImage(repository, 'hidden', { tags: ['v1'] });
      await filled.driver.delete('catalog/team~app');
      await collectAll();
      expect(await filled.hasBlob(repository, image.layer)).to.equal(true);
    });

    it('finds manifests in repositories whose names lie between, before and behind one another', async () => {
      const names = ['a', 'a-b', 'a/b', 'a.b', 'a0', 'a_b', 'ab', 'a/b/c'];
      const images = await Promise.all(
        names.map(async (name) => [name, await filled.pushImage(name, name, { tags: ['v1'] })] as const),
      );
      await collectAll();
      for (const [name, { layer }] of images) expect(await filled.hasBlob(name, layer), name).to.equal(true);
    });
  });

  describe('leaves alone what somebody has been promised', () => {
    const promises: Readonly<Record<string, (digest: string) => Promise<unknown>>> = {
      'a HEAD': (digest) => filled.store.blobs.check(repository, digest),
      'a mount': (digest) => filled.store.blobs.mount(repository, 'other', digest),
      'an upload': () => filled.pushBlob(repository, 'promised '.repeat(4000)),
    };
    for (const [what, promise] of Object.entries(promises)) {
      for (const [state, hours] of Object.entries({ live: 0, condemned: 1 })) {
        it(`by ${what}, for a grace at least, when it was ${state}`, async () => {
          const blob = await filled.pushBlob(repository, 'promised '.repeat(4000));
          stoppedClock.pass(HOUR);
          if (hours > 0) await filled.collect();
          await promise(blob.digest);
          for (let quarter = 0; quarter < 4; quarter += 1) {
            await filled.collect();
            expect(await filled.keeps(blob), `${quarter} quarters of an hour later`).to.equal(true);
            stoppedClock.pass(HOUR / 4 - 1);
          }
          await collectAll();
          expect(await filled.keeps(blob), 'in the end').to.equal(false);
        });
      }
    }

    it('and an upload of what is being deleted begins a new life of it', async () => {
      const recording = new RecordingDriver();
      const dying = new FilledStore(recording);
      const blob = await dying.pushBlob(repository, 'again '.repeat(4000));
      stoppedClock.pass(HOUR);
      await dying.collect();
      stoppedClock.pass(HOUR);
      // The run dies as soon as it has doomed the blob.
      recording.before = ({ text }) => {
        if (text === 'delete link') throw new StorageError('UNAVAILABLE', 'the run dies');
      };
      await dying.collect().then(
        () => expect.fail('it has not died'),
        () => undefined,
      );
      recording.before = () => undefined;

      expect(await dying.hasBlob(repository, blob)).to.equal(false);
      await dying.pushBlob(repository, blob);
      expect(await dying.hasBlob(repository, blob)).to.equal(true);
      await dying.collect();
      expect(await dying.hasBlob(repository, blob)).to.equal(true);
    });
  });

  it('goes on where a run has died, whatever call was its last', async () => {
    let calls = 1;
    for (let last = 1; last <= calls; last += 1) {
      stoppedClock.stop();
      const recording = new RecordingDriver();
      const dying = new FilledStore(recording);
      const kept = await dying.pushImage(repository, 'kept', { tags: ['v1'] });
      const gone = await dying.pushImage(repository, 'gone', { tags: ['v2'] });
      await dying.deleteManifest(repository, gone);
      stoppedClock.pass(HOUR);
      await dying.collect();
      stoppedClock.pass(HOUR);

      let made = 0;
      recording.before = () => {
        made += 1;
        if (made > last) throw new StorageError('UNAVAILABLE', 'the run dies');
      };
      const died = await dying.collect().then(
        () => false,
        () => true,
      );
      recording.before = () => undefined;
      if (died) calls = last + 1;
      expect(await dying.hasBlob(repository, kept.layer), `after call ${last}`).to.equal(true);
      await dying.collect();
      const shared = [kept.layer, kept.config].map(({ digest }) => digest).sort();
      const left = (await dying.keys('blobs/')).map((key) => `sha256:${key.split('/')[3] ?? ''}`);
      expect(left.sort(), `after call ${last}`).to.deep.equal(shared);
      expect(await dying.keys('data/')).to.have.lengthOf(1);
      expect(await dying.keys('repos/team~app/blobs/')).to.have.lengthOf(2);
    }
    expect(calls).to.be.greaterThan(10);
  });

  it('takes nothing when storage does not give a manifest: it may refer to anything', async () => {
    const recording = new RecordingDriver();
    const unreadable = new FilledStore(recording);
    await unreadable.pushImage(repository, 'unreadable', { tags: ['v1'] });
    await unreadable.pushBlob(repository, 'garbage '.repeat(4000));
    stoppedClock.pass(HOUR);
    recording.before = ({ text }) => {
      if (text === 'read manifest') throw new StorageError('UNAVAILABLE', 'not now');
    };
    recording.forget();
    const failure = await unreadable.collect().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(StorageError);
    expect(recording.changes).to.deep.equal([]);
  });

  it('leaves a record it cannot understand to verify', async () => {
    const blob = await filled.pushBlob(repository, 'of a damaged record '.repeat(2000));
    const [key = ''] = await filled.keys('blobs/');
    await filled.driver.write(key, Buffer.from('{'));
    await collectAll();
    expect(await filled.keeps(blob)).to.equal(true);
    expect(await filled.keys('data/')).to.have.lengthOf(1);
  });

  it('reads no record of what a manifest refers to, and each manifest once', async () => {
    const recording = new RecordingDriver();
    const read = new FilledStore(recording);
    for (const name of ['a', 'b', 'c']) await read.pushImage(name, name, { tags: ['v1'] });
    stoppedClock.pass(HOUR);
    recording.forget();
    await read.collect();
    expect(recording.texts.filter((text) => text.startsWith('read '))).to.deep.equal(
      Array.from({ length: 3 }, () => 'read manifest'),
    );
    expect(recording.texts.filter((text) => text.startsWith('list '))).to.have.lengthOf(6);
  });

  it('finds everything where there are many small objects, page after page', async () => {
    const [images, garbage] = [700, 2500];
    const repositoryOf = (index: number): string => `team-${index % 40}/app-${index % 3}`;
    for (let index = 0; index < images; index += 1)
      await filled.pushImage(repositoryOf(index), `image ${index}`, { tags: [`v${index}`] });
    for (let index = 0; index < garbage; index += 1)
      await filled.pushBlob(repositoryOf(index), `garbage ${index}`);
    stoppedClock.pass(HOUR);
    expect((await filled.collect()).summary.blobs.condemned).to.equal(garbage);
    stoppedClock.pass(HOUR);
    expect((await filled.collect()).summary.blobs.deleted).to.equal(garbage);
    expect(await filled.keys('blobs/')).to.have.lengthOf(2 * images);
    expect(await filled.keys('data/')).to.have.lengthOf(images);
    const links = (await filled.keys('repos/')).filter((key) => /^repos\/[^/]+\/blobs\//.test(key));
    expect(links).to.have.lengthOf(2 * images);
  });

  it('in a dry run tells what it would do and changes nothing', async () => {
    const recording = new RecordingDriver();
    const dry = new FilledStore(recording);
    const gone = await dry.pushImage(repository, 'gone', { tags: ['v1'] });
    await dry.deleteManifest(repository, gone);
    for (const action of ['condemn', 'delete'] as const) {
      stoppedClock.pass(HOUR);
      recording.forget();
      const { steps, summary } = await dry.collect({ dryRun: true });
      expect(steps.map((step) => [step.action, step.digest])).to.have.deep.members([
        [action, gone.layer.digest],
        [action, gone.config.digest],
      ]);
      expect(summary.dryRun).to.equal(true);
      expect(recording.changes).to.deep.equal([]);
      expect((await dry.collect()).steps).to.deep.equal(steps);
    }
  });

  it('sums up what was freed, what waits, and until when', async () => {
    const start = Date.now();
    await filled.pushImage(repository, 'kept', { tags: ['v1'] });
    const old = await filled.pushBlob(repository, 'old '.repeat(5000));
    stoppedClock.pass(HOUR);
    await filled.collect();
    const young = await filled.pushBlob(repository, 'young '.repeat(5000));
    const { summary } = await filled.collect();
    expect(summary).to.deep.include({ dryRun: false, damaged: 0 });
    expect(summary.blobs).to.deep.equal({
      found: 4,
      condemned: 0,
      rescued: 0,
      deleted: 0,
      freed: 0,
      waiting: {
        count: 2,
        bytes: old.bytes.length + young.bytes.length,
        from: start + 2 * HOUR,
        until: start + 3 * HOUR,
      },
    });
    stoppedClock.pass(2 * HOUR);
    const freed = (await filled.collect()).summary.blobs;
    expect([freed.deleted, freed.freed, freed.waiting.count]).to.deep.equal([1, old.bytes.length, 1]);
  });

  it('makes no more calls of the storage a second than it may', async () => {
    const recording = new RecordingDriver();
    const slow = new FilledStore(recording);
    for (let index = 0; index < 40; index += 1) await slow.pushBlob(repository, `garbage ${index}`);
    stoppedClock.pass(HOUR);
    recording.forget();
    const began = performance.now();
    await slow.collect({ callsPerSecond: 500 });
    const { length: calls } = recording.calls;
    expect(calls).to.be.greaterThan(80);
    // The last calls may come some milliseconds early, as timers are not more precise.
    expect(performance.now() - began).to.be.at.least((calls - 1) * 2 - 10);
  });

  it('stops when it is told to, and says why', async () => {
    await filled.pushBlob(repository, 'garbage');
    stoppedClock.pass(HOUR);
    const stopped = new AbortController();
    const reason = new Error('the registry stops');
    stopped.abort(reason);
    const failure = await filled.collect({ signal: stopped.signal }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.equal(reason);
  });

  it('knows the descriptor of a blob that is not there for none', async () => {
    const absent = contentOf('never pushed');
    const index = indexOf([], { manifests: [descriptor(absent, types.manifest)] });
    await filled.pushManifest(repository, index, { tags: ['sparse'], mayLack: 'children' });
    await collectAll();
    expect(await filled.keepsManifest(repository, index)).to.equal(true);
  });
});
