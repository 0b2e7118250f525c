import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError, withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { layout } from '../../core/src/store/distribution/layout.ts';
import { keys } from '../../core/src/store/keys.ts';
import { listAll } from '../../core/src/store/listing.ts';
import { Verification } from '../../core/src/store/verify/verification.ts';
import { TemporaryRoot } from '../../plugins/storage-filesystem/test/temporary-root.ts';
import { collectionOn, finish } from '../collect/collecting.ts';
import { undoOn } from '../collect/undo-cases.ts';
import { contentOf, descriptor, imageOf, indexOf, manifestOf, noise, types } from '../oci/content.ts';
import { openStore } from '../races/registry-view.ts';
import { adopt, handOver } from './adopting.ts';
import { WrittenRegistry } from './other-registry.ts';

const config = contentOf('{"architecture":"amd64"}');
const layer = contentOf(noise(40_000, 1));
const base = contentOf(noise(30_000, 2));
const image = imageOf(config, [base, layer]);
const other = imageOf(config, [base]);
const index = indexOf([image, other]);
const signature = imageOf(config, [], { subject: descriptor(image, types.manifest) });

/** A registry with an image, an index, a signature, a deleted tag and two repositories that share a layer. */
async function fill(registry: WrittenRegistry): Promise<void> {
  for (const blob of [config, base, layer]) await registry.blob('team/app', blob);
  await registry.manifest('team/app', image, 'v1', 'latest');
  await registry.manifest('team/app', other);
  await registry.manifest('team/app', index, 'all');
  await registry.manifest('team/app', signature);
  for (const blob of [config, base]) await registry.blob('team', blob);
  await registry.manifest('team', other, 'v1');
}

async function contentsOf(driver: StorageDriver, prefix = ''): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  for await (const page of listAll(driver, prefix)) {
    for (const key of page)
      contents.set(key, Buffer.from((await driver.read(key))?.bytes ?? []).toString('latin1'));
  }
  return contents;
}

const storages = {
  'a directory': async () => {
    const root = await TemporaryRoot.make();
    return { driver: await root.driver({ fsync: false }), root: root.path, destroy: () => root.destroy() };
  },
  'a bucket': async () => ({
    driver: new MemoryDriver(new Memory(2 ** 28)),
    root: undefined,
    destroy: async () => undefined,
  }),
};

for (const [place, open] of Object.entries(storages)) {
  describe(`a registry of another kind, in ${place}`, () => {
    let driver: StorageDriver;
    let root: string | undefined;
    let destroy: () => Promise<void>;
    let written: WrittenRegistry;
    beforeEach(async () => {
      ({ driver, root, destroy } = await open());
      written = new WrittenRegistry(driver);
      await fill(written);
    });
    afterEach(() => destroy());

    it('is taken over whole, and nothing of it is changed', async () => {
      const before = await contentsOf(driver, 'docker/');
      expect(before).to.have.property('size', 25);
      const { skips, progress } = await adopt(driver);
      expect(skips).to.deep.equal([]);
      expect(progress).to.deep.equal({
        total: 2,
        repositories: { done: 2 },
        tags: { found: 4, set: 4, skipped: 0 },
        manifests: { found: 5, taken: 5, skipped: 0 },
        blobs: { taken: 3, bytes: 70_024, read: 0 },
      });
      expect(await contentsOf(driver, 'docker/')).to.deep.equal(before);

      const store = openStore(driver);
      expect((await store.catalog.list({ limit: 10 })).names).to.deep.equal(['team', 'team/app']);
      expect((await store.tags.list('team/app', { limit: 10 })).names).to.deep.equal(['all', 'latest', 'v1']);
      expect(await store.tags.get('team/app', 'all')).to.include({ digest: index.digest });
      for (const each of [image, other, index, signature]) {
        const stored = await store.manifests.get('team/app', each.digest);
        expect(stored).to.include({ mediaType: each.mediaType });
        expect(stored?.bytes.equals(each.bytes)).to.equal(true);
      }
      for (const each of [config, base, layer]) {
        const blob = await store.blobs.check('team/app', each.digest);
        expect(blob).to.include({ size: each.bytes.length });
        const bytes = blob === undefined ? undefined : await store.blobs.bytes(blob);
        expect(bytes?.equals(each.bytes)).to.equal(true);
      }
      expect(await store.blobs.check('team', layer.digest), 'a layer of the other repository').to.equal(
        undefined,
      );
      const request = { maxBytes: 1000, limit: 10 };
      const { descriptors } = await store.referrers.list('team/app', image.digest, request);
      expect(descriptors.map(({ digest }) => digest)).to.deep.equal([signature.digest]);
    });

    it('keeps its bytes where they are', async () => {
      await adopt(driver);
      const record = blobRecordFormat.decode(
        (await driver.read(keys.record(layer.digest)))?.bytes ?? Buffer.of(),
      );
      const data = String(record?.data);
      if (root === undefined) {
        expect(data).to.equal(layout.bytes(layer.digest));
        return;
      }
      expect(data).to.match(/^data\//);
      const [own, theirs] = await Promise.all([
        stat(join(root, 'objects', data)),
        stat(join(root, layout.bytes(layer.digest))),
      ]);
      expect(own.ino).to.equal(theirs.ino);
      expect(own.nlink).to.equal(2);
    });

    it('is not taken over by a dry run, which says what would be', async () => {
      const before = await contentsOf(driver);
      const { progress } = await adopt(driver, { dryRun: true });
      expect(progress.manifests).to.deep.equal({ found: 5, taken: 5, skipped: 0 });
      expect(progress.blobs).to.deep.equal({ taken: 3, bytes: 70_024, read: 0 });
      expect(await contentsOf(driver)).to.deep.equal(before);
    });

    it('is taken over by the next run when one dies at any write', async () => {
      const whole = await adopt(driver, { dryRun: true });
      // Storage in a directory is slower, and nothing differs but how bytes get a key.
      const step = root === undefined ? 1 : 7;
      for (let writes = 0, died = true; died; writes += step) {
        const { driver: fresh, destroy: remove } = await open();
        await fill(new WrittenRegistry(fresh));
        let left = writes;
        const dying = withMethods(fresh, {
          write: (key, bytes, options) => {
            left -= 1;
            if (left < 0) return Promise.reject(new StorageError('UNAVAILABLE', 'it died'));
            return fresh.write(key, bytes, options);
          },
        });
        died = await adopt(dying).then(
          () => false,
          () => true,
        );
        expect((await adopt(fresh)).skips).to.deep.equal([]);
        const { skips, progress } = await adopt(fresh);
        expect(skips).to.deep.equal([]);
        expect(progress.manifests).to.deep.equal({ found: 5, taken: 0, skipped: 0 });
        expect(progress.manifests.found).to.equal(whole.progress.manifests.found);
        expect((await openStore(fresh).tags.list('team/app', { limit: 9 })).names).to.have.lengthOf(3);
        await remove();
      }
    }).timeout(60_000);

    it('gives what it has got since to the next run, and nothing twice', async () => {
      await adopt(driver);
      const added = imageOf(config, [layer], { annotations: { number: '2' } });
      await written.manifest('team/app', added, 'v2', 'latest');
      const { skips, progress } = await adopt(driver);
      expect(skips).to.deep.equal([]);
      expect(progress.tags).to.deep.equal({ found: 5, set: 2, skipped: 0 });
      expect(progress.manifests).to.deep.equal({ found: 6, taken: 1, skipped: 0 });
      expect(progress.blobs.taken).to.equal(0);
      expect(await openStore(driver).tags.get('team/app', 'latest')).to.include({ digest: added.digest });
    });

    it('has told what its tags have pointed at, though not when', async () => {
      await written.manifest('team/app', other, 'v1');
      await written.manifest('team/app', image, 'v1');
      await adopt(driver);
      const { history = [] } = (await openStore(driver).tags.get('team/app', 'v1')) ?? {};
      expect(history.map(({ digest, actor }) => [digest, actor])).to.deep.equal([
        [image.digest, 'registry import'],
        [other.digest, 'registry import'],
      ]);
      expect(history.map(({ at }) => at > 0)).to.deep.equal([true, false]);
      const undo = undoOn(openStore(driver));
      const failure: unknown = await undo.digestAt('team/app', 'v1', 1000).catch((error: unknown) => error);
      expect(failure).to.have.property('message').that.includes('is not remembered');
      await undo.restoreTag('team/app', 'v1', other.digest);
      expect(await openStore(driver).tags.get('team/app', 'v1')).to.include({ digest: other.digest });
    });

    it('does not take back a tag that has been moved here', async () => {
      await adopt(driver);
      const store = openStore(driver);
      const own = await store.manifests.get('team/app', other.digest);
      const target = { digest: other.digest, mediaType: types.manifest, size: other.bytes.length };
      await store.tags.set(
        'team/app',
        'v1',
        { ...target, incarnation: own?.incarnation ?? '' },
        { actor: 'ci', condition: undefined },
      );
      const { skips } = await adopt(driver);
      expect(skips.map(({ reason, tag }) => [reason, tag])).to.deep.equal([['kept-tag', 'v1']]);
      expect(await openStore(driver).tags.get('team/app', 'v1')).to.include({ digest: other.digest });
    });

    it('loses nothing when what was taken over is collected', async () => {
      await adopt(driver);
      const store = openStore(driver);
      for (const digest of [index, image, signature].map((each) => each.digest))
        await store.manifests.delete('team/app', digest, () => undefined);
      const before = await contentsOf(driver, 'docker/');
      await finish(collectionOn(driver, store, { grace: 0 }));
      const { steps } = await finish(collectionOn(driver, store, { grace: 0 }));
      expect(steps.map(({ digest }) => digest)).to.deep.equal([layer.digest]);
      expect(await openStore(driver).blobs.check('team/app', layer.digest)).to.equal(undefined);
      expect(await contentsOf(driver, 'docker/')).to.deep.equal(before);
      const again = await adopt(driver);
      expect(again.progress.blobs.taken).to.equal(1);
      expect(await openStore(driver).blobs.check('team/app', layer.digest)).to.not.equal(undefined);
    });

    it('is given to collection once it is gone for good, and not taken over any more', async () => {
      await adopt(driver, { final: true });
      const store = openStore(driver);
      for (const digest of [index, image, signature].map((each) => each.digest))
        await store.manifests.delete('team/app', digest, () => undefined);
      const collect = (grace: number) => finish(collectionOn(driver, store, { grace }));
      const young = 3_600_000;
      await collect(0);
      const record = async (): Promise<Buffer> =>
        Buffer.from((await driver.read(keys.record(layer.digest)))?.bytes ?? []);
      expect(blobRecordFormat.decode(await record())?.state).to.equal('condemned');
      await collect(young);
      expect(await driver.size(layout.bytes(layer.digest))).to.equal(layer.bytes.length);
      await collect(0);
      expect(await openStore(driver).blobs.check('team/app', layer.digest)).to.equal(undefined);
      // In a directory both have a name of their own for the bytes, and the other's is not ours to remove.
      const left = root === undefined ? undefined : layer.bytes.length;
      expect(await driver.size(layout.bytes(layer.digest))).to.equal(left);
      expect(await driver.size(layout.bytes(base.digest))).to.equal(base.bytes.length);
      for (const refused of [adopt(driver), handOver(driver)]) {
        const failure: unknown = await refused.catch((error: unknown) => error);
        expect(failure).to.have.property('message').that.includes('was declared gone for good');
      }
    });

    it('has left-over bytes found and removed once it is gone for good, and not before', async () => {
      const repair = async (): Promise<readonly string[]> => {
        const verification = new Verification(driver, {
          deep: true,
          repair: true,
          mayLack: 'nothing',
          uploadMaxAge: 1000,
          parse: ({ bytes, mediaType }) => parseManifest(bytes, mediaType, 'sha256'),
          sweepUploads: async () => undefined,
          waits: { patience: 0, settle: 0, safetyAge: 0 },
        });
        const kinds: string[] = [];
        for await (const { kind } of verification.findings()) kinds.push(kind);
        return kinds;
      };
      await adopt(driver);
      expect(await repair()).to.deep.equal([]);
      await adopt(driver, { final: true });
      // In a bucket two blobs are used where they are; the third is small, and manifests are ours anyway.
      const orphans = root === undefined ? 5 : 7;
      expect(await repair()).to.deep.equal(Array.from({ length: orphans }, () => 'orphaned-data'));
      expect(await repair()).to.deep.equal([]);
      expect(await openStore(driver).blobs.check('team/app', layer.digest)).to.include({ size: 40_000 });
    });

    it('leaves out manifests that lack something, whole, and their tags', async () => {
      const gone = contentOf(noise(50_000, 3));
      const unlinked = contentOf(noise(50_001, 4));
      await written.bytes(unlinked);
      const broken = imageOf(config, [base, gone, unlinked]);
      const around = indexOf([image, broken]);
      await written.manifest('team/app', broken, 'broken');
      await written.manifest('team/app', around, 'around');
      const { skips, progress } = await adopt(driver);
      expect(skips.map(({ reason, tag, digest }) => [reason, tag, digest])).to.have.deep.members([
        ['incomplete-manifest', 'broken', broken.digest],
        ['incomplete-manifest', 'around', around.digest],
        ['incomplete-manifest', undefined, broken.digest],
        ['incomplete-manifest', undefined, around.digest],
      ]);
      const { detail } = skips.find(({ tag }) => tag === 'broken') ?? {};
      expect(detail).to.include(`${gone.digest}: the repository has no link to it`);
      expect(detail).to.include(`${unlinked.digest}: the repository has no link to it`);
      expect(progress.manifests).to.deep.equal({ found: 7, taken: 5, skipped: 2 });
      const store = openStore(driver);
      expect(await store.tags.get('team/app', 'broken')).to.equal(undefined);
      expect(await store.manifests.get('team/app', around.digest)).to.equal(undefined);

      await written.blob('team/app', gone);
      await written.blob('team/app', unlinked);
      expect((await adopt(driver)).skips).to.deep.equal([]);
      expect(await openStore(driver).tags.get('team/app', 'around')).to.include({ digest: around.digest });
    });

    it('gives an index of single platforms only where indexes may lack some', async () => {
      const absent = imageOf(config, [layer], { annotations: { platform: 'other' } });
      const sparse = indexOf([image, absent]);
      await written.manifest('team/app', sparse, 'sparse');
      const strict = await adopt(driver);
      expect(strict.skips).to.have.lengthOf(2);
      expect((await adopt(driver, { mayLack: 'children' })).skips).to.deep.equal([]);
      expect(await openStore(driver).tags.get('team/app', 'sparse')).to.include({ digest: sparse.digest });
    });

    it('gives caches of builders, which are indexes of layers', async () => {
      const cache = manifestOf(
        { schemaVersion: 2, mediaType: types.index, manifests: [descriptor(layer, types.layer)] },
        types.index,
      );
      await written.manifest('team/app', cache, 'cache');
      expect((await adopt(driver)).skips).to.deep.equal([]);
    });

    it('has everything left out that is damaged or that no registry of ours can hold', async () => {
      const old = manifestOf({ schemaVersion: 1, name: 'old', fsLayers: [] }, 'application/json');
      await written.manifest('team/app', old, 'old');
      await written.link(layout.tag('team/app', 'empty'), '');
      await written.link(layout.tag('team/app', 'line'), `${image.digest}\n`);
      await written.link(layout.tag('team/app', '.dot'), image.digest);
      await written.link(layout.tag('team/app', 'nowhere'), config.digest);
      await written.manifest('Team/App', image, 'v1');
      const changed = imageOf(config, [layer], { annotations: { number: '3' } });
      await written.manifest('team/app', changed);
      await written.bytes({ digest: changed.digest, bytes: Buffer.from('{}') });
      const vast = manifestOf({ schemaVersion: 2, layers: [], text: 'x'.repeat(17_000_000) });
      await written.manifest('team/app', vast);
      const { skips } = await adopt(driver);
      expect(
        skips.map(({ reason, repository, tag, digest }) => [reason, repository, tag ?? digest]),
      ).to.have.deep.members([
        ['unsupported-name', 'Team/App', undefined],
        ['unsupported-manifest', 'team/app', 'old'],
        ['unsupported-manifest', 'team/app', old.digest],
        ['damaged-link', 'team/app', 'empty'],
        ['damaged-link', 'team/app', 'line'],
        ['unsupported-name', 'team/app', '.dot'],
        ['missing-manifest', 'team/app', 'nowhere'],
        ['damaged-manifest', 'team/app', changed.digest],
        ['unsupported-manifest', 'team/app', vast.digest],
      ]);
    });

    it('has wrong bytes found by their length, or by their digest if that is asked for', async () => {
      const [shorter, changed] = [contentOf(noise(60_000, 5)), contentOf(noise(60_000, 6))];
      for (const [tag, blob] of [
        ['shorter', shorter],
        ['changed', changed],
      ] as const) {
        await written.blob('team/app', blob);
        await written.manifest('team/app', imageOf(config, [blob]), tag);
      }
      await written.bytes({ digest: shorter.digest, bytes: Buffer.alloc(59_999) });
      const last = Buffer.concat([changed.bytes.subarray(0, -1), Buffer.of(1)]);
      await written.bytes({ digest: changed.digest, bytes: last });
      const named = ({ skips }: Awaited<ReturnType<typeof adopt>>): readonly unknown[] =>
        skips.flatMap(({ tag }) => tag ?? []);
      expect(named(await adopt(driver, { dryRun: true }))).to.deep.equal(['shorter']);
      const deep = await adopt(driver, { deep: true });
      expect(named(deep)).to.deep.equal(['changed', 'shorter']);
      expect(deep.progress.blobs.read).to.be.greaterThan(70_000);
    });
  });
}
