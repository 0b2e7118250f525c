import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { layout } from '../../core/src/store/distribution/layout.ts';
import { keys } from '../../core/src/store/keys.ts';
import { listAll } from '../../core/src/store/listing.ts';
import { TemporaryRoot } from '../../plugins/storage-filesystem/test/temporary-root.ts';
import { FilledStore } from '../collect/filled-store.ts';
import { contentOf, digestOf, imageOf, indexOf, manifestOf, noise, types } from '../oci/content.ts';
import { adopt, handOver } from './adopting.ts';
import { WrittenRegistry } from './other-registry.ts';

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

const config = contentOf('{"architecture":"amd64"}');
const layer = contentOf(noise(40_000, 1));
const large = contentOf(noise(3_000_000, 2));
const image = imageOf(config, [layer]);
const other = imageOf(config, [large]);
const index = indexOf([image, other]);

for (const [place, open] of Object.entries(storages)) {
  describe(`our registry, in ${place}, handed over to one of another kind`, () => {
    let driver: StorageDriver;
    let root: string | undefined;
    let destroy: () => Promise<void>;
    let filled: FilledStore;
    beforeEach(async () => {
      ({ driver, root, destroy } = await open());
      filled = new FilledStore(driver);
      // What is pushed is the store's from then on.
      for (const blob of [config, layer, large])
        await filled.pushBlob('team/app', { ...blob, bytes: Buffer.from(blob.bytes) });
      await filled.pushManifest('team/app', image, { tags: ['v1', 'latest'] });
      await filled.pushManifest('team/app', other);
      await filled.pushManifest('team/app', index, { tags: ['all'] });
    });
    afterEach(() => destroy());

    it('has the very objects there that the other would have written', async () => {
      const { skips, progress } = await handOver(driver);
      expect(skips).to.deep.equal([]);
      expect(progress.manifests).to.deep.equal({ found: 3, taken: 3, skipped: 0 });
      expect(progress.tags).to.deep.equal({ found: 3, set: 3, skipped: 0 });
      expect(progress.blobs).to.include({ taken: 3, bytes: 3_040_024 });
      const beside = new MemoryDriver(new Memory(2 ** 28));
      const written = new WrittenRegistry(beside);
      for (const blob of [config, layer, large]) await written.blob('team/app', blob);
      await written.manifest('team/app', image, 'v1', 'latest');
      await written.manifest('team/app', other);
      await written.manifest('team/app', index, 'all');
      expect(await contentsOf(driver, 'docker/')).to.deep.equal(await contentsOf(beside, 'docker/'));
    });

    it('shares its bytes, where the storage lets it', async () => {
      await handOver(driver);
      if (root === undefined) return;
      const record = blobRecordFormat.decode(
        (await driver.read(keys.record(large.digest)))?.bytes ?? Buffer.of(),
      );
      const [own, theirs] = await Promise.all([
        stat(join(root, 'objects', String(record?.data))),
        stat(join(root, layout.bytes(large.digest))),
      ]);
      expect(own.ino).to.equal(theirs.ino);
    });

    it('is what is taken over again', async () => {
      const before = await contentsOf(driver);
      await handOver(driver);
      const { skips, progress } = await adopt(driver);
      expect(skips).to.deep.equal([]);
      expect([progress.tags.set, progress.manifests.taken, progress.blobs.taken]).to.deep.equal([0, 0, 0]);
      for await (const page of listAll(driver, 'docker/')) for (const key of page) await driver.delete(key);
      expect(await contentsOf(driver)).to.deep.equal(before);
    });

    it('is not handed over by a dry run, which says what would be', async () => {
      const before = await contentsOf(driver);
      const { progress } = await handOver(driver, { dryRun: true });
      expect(progress.manifests).to.deep.equal({ found: 3, taken: 3, skipped: 0 });
      expect(progress.blobs).to.deep.equal({ taken: 3, bytes: 3_040_024, read: 0 });
      expect(await contentsOf(driver)).to.deep.equal(before);
    });

    it('gives what it has got since to the next run, and nothing twice', async () => {
      await handOver(driver);
      await filled.pushManifest('team/app', other, { tags: ['v2', 'latest'] });
      const { progress } = await handOver(driver);
      expect(progress.manifests.taken).to.equal(0);
      expect(progress.tags).to.deep.equal({ found: 4, set: 2, skipped: 0 });
      expect(progress.blobs).to.deep.equal({ taken: 0, bytes: 0, read: 0 });
      const link = await driver.read(layout.tag('team/app', 'latest'));
      expect(Buffer.from(link?.bytes ?? []).toString()).to.equal(other.digest);
    });

    it('does not move a tag that the other has been told since', async () => {
      await handOver(driver);
      const written = new WrittenRegistry(driver);
      const newer = imageOf(config, [layer], { annotations: { number: '2' } });
      await written.manifest('team/app', newer, 'v1');
      const { skips } = await handOver(driver);
      expect(skips.map(({ reason, tag }) => [reason, tag])).to.deep.equal([['kept-tag', 'v1']]);
      const link = await driver.read(layout.tag('team/app', 'v1'));
      expect(Buffer.from(link?.bytes ?? []).toString()).to.equal(newer.digest);
    });

    it('replaces bytes there that are of no use', async () => {
      await new WrittenRegistry(driver).bytes({ digest: layer.digest, bytes: Buffer.from('cut') });
      await handOver(driver);
      expect(await driver.size(layout.bytes(layer.digest))).to.equal(layer.bytes.length);
    });

    it('leaves out what the other cannot serve', async () => {
      const text = JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, layers: [] });
      const long = { bytes: Buffer.from(text), digest: digestOf(text, 'sha512'), mediaType: types.manifest };
      await filled.pushManifest('team/app', long, { tags: ['long'] });
      const chart = manifestOf({ layers: [] }, 'application/vnd.example.chart');
      await filled.pushManifest('team/app', chart, { tags: ['chart'] });
      const { skips } = await handOver(driver);
      expect(skips.map(({ reason, tag, digest }) => [reason, tag, digest])).to.have.deep.members([
        ['unsupported-manifest', undefined, long.digest],
        ['unsupported-manifest', undefined, chart.digest],
        ['unsupported-manifest', 'long', long.digest],
        ['unsupported-manifest', 'chart', chart.digest],
      ]);
    });
  });
}
