import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import storageSqlite from '../../../docs/examples/storage-sqlite/src/index.ts';
import { openRegistryOn } from '../example-registry.ts';
import { digestOf, pullManifest, pushImage } from '../image.ts';

describe('the example storage-sqlite', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-sqlite-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('keeps an image, a layer of many parts too, from one start of the registry to the next', async () => {
    const plugin = storageSqlite({ file: join(folder, 'registry.sqlite') });
    const layer = Buffer.alloc(5_000_000, 'layer');
    const first = await openRegistryOn([plugin]);
    const pushed = await pushImage({ url: first.url, repository: 'app', tag: '1.0' }, { layer });
    expect(pushed.status).to.equal(201);
    await first.stop();

    const second = await openRegistryOn([plugin]);
    try {
      const manifest = await pullManifest({ url: second.url, repository: 'app', tag: '1.0' });
      expect(digestOf(await manifest.text())).to.equal(pushed.headers.get('docker-content-digest'));
      const blob = await fetch(`${second.url}/v2/app/blobs/${digestOf(layer)}`);
      expect(digestOf(await blob.bytes())).to.equal(digestOf(layer));
    } finally {
      await second.stop();
    }
  });

  it('refuses to start where there is no folder for the file', async () => {
    const plugin = storageSqlite({ file: join(folder, 'absent', 'registry.sqlite') });
    const error: unknown = await openRegistryOn([plugin]).catch((reason: unknown) => reason);
    expect(error)
      .to.be.an('error')
      .with.property('message')
      .that.contains('storage-sqlite could not be started');
  });
});
