import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin, type Plugin } from '@entrepot/plugin-sdk';
import storageAzure from '@entrepot/storage-azure';
import storageGcs from '@entrepot/storage-gcs';
import storageS3 from '@entrepot/storage-s3';
import { expect } from 'chai';
import { scratchContainer } from '../../plugins/storage-azure/test/scratch-container.ts';
import { scratchBucket } from '../../plugins/storage-s3/test/scratch-bucket.ts';
import { startAzurite } from '../servers/azurite.ts';
import { StrictGcs } from '../servers/strict-gcs.ts';
import { startVersitygw } from '../servers/versitygw.ts';
import { client, type Client } from './client.ts';
import { createContainerStorage } from './container-storage.ts';
import { digestOf, reachableDigests, writeImageLayout, type ImageLayout } from './image-layout.ts';

/** A bucket on a server of its own. */
interface Bucket {
  readonly storage: Plugin;
  stop(): Promise<void>;
}

const buckets: Readonly<Record<string, () => Promise<Bucket>>> = {
  async 'S3, versitygw'() {
    const server = await startVersitygw();
    return { storage: storageS3(await scratchBucket(server)), stop: () => server.stop() };
  },
  async 'Azure, Azurite'() {
    const server = await startAzurite();
    const { input } = await scratchContainer(server);
    return { storage: storageAzure(input), stop: () => server.stop() };
  },
  async 'Google, a strict server of our own'() {
    const server = await StrictGcs.start();
    const bucket = `entrepot-${randomUUID()}`;
    server.createBucket(bucket);
    const storage = storageGcs({ bucket, apiEndpoint: server.endpoint, credentials: server.accountKey });
    return { storage, stop: () => server.stop() };
  },
};

for (const [name, start] of Object.entries(buckets)) {
  describe(`Clients that are redirected to a bucket [${name}]`, () => {
    let folder: string;
    let bucket: Bucket;
    let registry: Registry;
    let layout: ImageLayout;
    let reference: string;
    let redirected = 0;
    let skopeo: Client;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'entrepot-redirects-'));
      bucket = await start();
      const counting = definePlugin<Record<string, never>>({
        name: 'counting',
        schema: { type: 'object', additionalProperties: false, required: [] },
        setup: ({ name: tap, hooks }) =>
          hooks.response.tap(tap, ({ status }) => void (redirected += status === 307 ? 1 : 0)),
      });
      registry = await createRegistry({
        http: { port: 0 },
        log: { level: 'error' },
        plugins: [bucket.storage, counting()],
      });
      const { port } = await registry.start();
      reference = `127.0.0.1:${port}/redirected/app`;
      layout = await writeImageLayout(join(folder, 'layout'), name);
      skopeo = client('skopeo', folder, await createContainerStorage(folder, `127.0.0.1:${port}`));
      const [from, to] = [`oci:${layout.folder}:index`, `docker://${reference}:index`];
      await skopeo('copy', '--all', '--dest-tls-verify=false', from, to);
    });
    after(async () => {
      await registry.stop();
      await bucket.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const expectWhole = async (pulled: string): Promise<void> => {
      expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
        await reachableDigests(layout.folder, layout.index),
      );
      // One large layer for each platform.
      expect(redirected).to.equal(2);
    };
    beforeEach(() => {
      redirected = 0;
    });

    it('get every platform byte for byte: skopeo', async () => {
      const pulled = join(folder, 'by-skopeo');
      const [from, to] = [`docker://${reference}:index`, `oci:${pulled}:index`];
      await skopeo('copy', '--all', '--src-tls-verify=false', from, to);
      await expectWhole(pulled);
    });

    it('get every platform byte for byte: crane', async () => {
      const pulled = join(folder, 'by-crane');
      await client('crane', folder)('--insecure', 'pull', '--format', 'oci', `${reference}:index`, pulled);
      await expectWhole(pulled);
    });

    it('get the ranges that they ask for', async () => {
      const api = `http://${reference.replace('/', '/v2/')}`;
      const manifest: unknown = await (await fetch(`${api}/manifests/${layout.image}`)).json();
      const digest = /"digest":"([^"]+)","size":3\d{6}/.exec(JSON.stringify(manifest))?.[1] ?? '';
      const whole = Buffer.from(await (await fetch(`${api}/blobs/${digest}`)).arrayBuffer());
      expect(digestOf(whole)).to.equal(digest);
      const part = await fetch(`${api}/blobs/${digest}`, { headers: { range: 'bytes=1000-2000999' } });
      expect(part.status).to.equal(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(1000, 2_001_000))).to.equal(true);
      expect(redirected).to.equal(2);
    });
  });
}
