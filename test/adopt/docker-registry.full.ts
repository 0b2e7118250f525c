import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, type Client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { digestOf, writeImageLayout, type ImageLayout } from '../clients/image-layout.ts';
import type { Storage } from '../replicas/buckets.ts';
import { startVersitygw } from '../servers/versitygw.ts';
import { scratchBucket } from '../../plugins/storage-s3/test/scratch-bucket.ts';
import { startDockerRegistry, type DockerRegistry } from './docker-registry.ts';
import { startOwnRegistry, type OwnRegistry } from './own-registry.ts';

/** The same storage, as the configuration of either registry names it. */
interface SharedStorage {
  readonly theirs: object;
  readonly ours: Storage;
  remove(): Promise<void>;
}

async function directory(folder: string): Promise<SharedStorage> {
  const root = join(folder, 'root');
  await mkdir(root);
  return {
    theirs: { filesystem: { rootdirectory: root } },
    ours: { use: '@entrepot/storage-filesystem', options: { root } },
    remove: async () => undefined,
  };
}

async function bucket(): Promise<SharedStorage> {
  const server = await startVersitygw();
  const scratch = await scratchBucket(server);
  const { accessKeyId, secretAccessKey } = server.credentials;
  return {
    theirs: {
      s3: {
        bucket: scratch.bucket,
        region: 'us-east-1',
        regionendpoint: server.endpoint,
        forcepathstyle: true,
        secure: false,
        accesskey: accessKeyId,
        secretkey: secretAccessKey,
        rootdirectory: '/old/registry',
      },
    },
    ours: { use: '@entrepot/storage-s3', options: { ...scratch, prefix: 'old/registry/' } },
    remove: () => server.stop(),
  };
}

for (const [place, open] of Object.entries({ directory, bucket }))
  describe(`Debian's docker-registry and ours, in one ${place}`, () => {
    const toStop: (() => Promise<void>)[] = [];
    let folder: string;
    let theirs: DockerRegistry;
    let ours: OwnRegistry;
    let skopeo: Client;
    let crane: Client;
    let layouts: Readonly<Record<'first' | 'second' | 'third' | 'gone', ImageLayout>>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'entrepot-adopt-'));
      const storage = await open(folder);
      toStop.push(() => storage.remove());
      theirs = await startDockerRegistry(storage.theirs, folder);
      toStop.push(() => theirs.stop());
      ours = await startOwnRegistry(storage.ours, folder);
      toStop.push(() => ours.stop());
      const environment = await createContainerStorage(folder, theirs.host);
      skopeo = client('skopeo', folder, environment);
      crane = client('crane', folder);
      const layoutOf = (name: string): Promise<ImageLayout> => writeImageLayout(join(folder, name), name);
      const [first, second, third, gone] = await Promise.all([
        layoutOf('first'),
        layoutOf('second'),
        layoutOf('third'),
        layoutOf('gone'),
      ]);
      layouts = { first, second, third, gone };
    });
    after(async () => {
      for (const stop of toStop.toReversed()) await stop();
      await rm(folder, { recursive: true, force: true });
    });

    async function push(
      host: string,
      layout: ImageLayout,
      image: string,
      ...tags: readonly string[]
    ): Promise<void> {
      for (const tag of tags) {
        await skopeo(
          'copy',
          '--all',
          '--dest-tls-verify=false',
          `oci:${layout.folder}:${image}`,
          `docker://${host}/${tag}`,
        );
      }
    }

    /** Pulls every byte, which skopeo hashes, and gives the digest of the manifest. */
    async function pulls(host: string, reference: string): Promise<string> {
      const pulled = await mkdtemp(join(folder, 'pulled-'));
      await skopeo(
        'copy',
        '--all',
        '--preserve-digests',
        '--src-tls-verify=false',
        `docker://${host}/${reference}`,
        `dir:${pulled}`,
      );
      const digest = digestOf(await readFile(join(pulled, 'manifest.json')));
      expect((await crane('digest', '--insecure', `${host}/${reference}`)).trim()).to.equal(digest);
      return digest;
    }

    it('serve the same images, indexes and tags once ours has imported them', async () => {
      await push(theirs.host, layouts.first, 'image', 'team/app:v1', 'team/app:latest', 'library:v1');
      await push(theirs.host, layouts.first, 'index', 'team/app:index');
      await skopeo(
        'copy',
        '--dest-tls-verify=false',
        '--format',
        'v2s2',
        `oci:${layouts.second.folder}:image`,
        `docker://${theirs.host}/team/app/nested:docker`,
      );
      await push(theirs.host, layouts.gone, 'image', 'team/app:gone');
      await skopeo('delete', '--tls-verify=false', `docker://${theirs.host}/team/app:gone`);

      const dry = await ours.run('import', '--from', 'distribution', '--dry-run');
      const told = await ours.run('import', '--from', 'distribution', '--deep');
      expect(told).to.have.lengthOf(1);
      expect(told[0]).to.have.nested.property('summary.repositories', 3);
      expect(told[0]).to.have.nested.property('summary.tags').that.includes({ found: 5, set: 5, skipped: 0 });
      expect(told[0]).to.have.nested.property('summary.manifests.skipped', 0);
      expect(dry[0]).to.have.nested.property('summary.blobs.read', 0);

      for (const reference of [
        'team/app:v1',
        'team/app:latest',
        'team/app:index',
        'team/app/nested:docker',
        'library:v1',
      ])
        expect(await pulls(ours.host, reference), reference).to.equal(await pulls(theirs.host, reference));
      const tags = await crane('ls', '--insecure', `${ours.host}/team/app`);
      expect(tags.trim().split('\n')).to.deep.equal(['index', 'latest', 'v1']);
      expect((await crane('catalog', '--insecure', ours.host)).trim().split('\n').sort()).to.deep.equal(
        (await crane('catalog', '--insecure', theirs.host)).trim().split('\n').sort(),
      );
    });

    it('serve the same once the other has got more and ours has imported again', async () => {
      await push(theirs.host, layouts.second, 'image', 'team/app:v2', 'team/app:latest');
      const told = await ours.run('import', '--from', 'distribution');
      expect(told[0]).to.have.nested.property('summary.tags').that.includes({ found: 6, set: 2, skipped: 0 });
      expect(await pulls(ours.host, 'team/app:latest')).to.equal(layouts.second.image);
    });

    it('serve the same once ours has got more and has exported it', async () => {
      await push(ours.host, layouts.third, 'image', 'team/app:v3', 'team/app:latest', 'new/app:v3');
      await push(ours.host, layouts.third, 'index', 'team/app:index');
      const told = await ours.run('export', '--to', 'distribution');
      expect(told).to.have.lengthOf(1);
      expect(told[0]).to.have.nested.property('summary.tags').that.includes({ set: 4, skipped: 0 });
      for (const reference of [
        'team/app:v3',
        'team/app:latest',
        'new/app:v3',
        'team/app:index',
        'team/app:v2',
      ])
        expect(await pulls(theirs.host, reference), reference).to.equal(await pulls(ours.host, reference));
      expect(await crane('catalog', '--insecure', theirs.host)).to.include('new/app');
    });

    if (place === 'directory')
      it('are copied to one another over the network', async () => {
        const mirrored = await ours.run('copy', theirs.host, `${ours.host}/mirror`);
        expect(mirrored.at(-1)).to.have.nested.property('summary.tags.failed', 0);
        const back = await ours.run('copy', `${ours.host}/mirror/team/*:v*`, `${theirs.host}/back`);
        expect(back.at(-1)).to.have.nested.property('summary.tags').that.includes({ copied: 3, failed: 0 });
        for (const reference of ['team/app:index', 'team/app/nested:docker'])
          expect(await pulls(ours.host, `mirror/${reference}`)).to.equal(await pulls(theirs.host, reference));
        expect(await pulls(theirs.host, 'back/mirror/team/app:v3')).to.equal(layouts.third.image);
        const again = await ours.run('copy', `${ours.host}/mirror/team/*:v*`, `${theirs.host}/back`);
        expect(again.at(-1)).to.have.nested.property('summary.tags').that.includes({ copied: 0, there: 3 });
      });

    it('lose nothing when what is not needed is removed', async () => {
      // In a bucket it must not: it does not know what ours refers to.
      if (place === 'directory')
        expect(await theirs.collectGarbage()).to.include('blob eligible for deletion');
      await ours.run('gc');
      for (const host of [ours.host, theirs.host])
        for (const reference of ['team/app:v1', 'team/app:v3', 'new/app:v3', 'team/app/nested:docker'])
          await pulls(host, reference);
      expect(await ours.run('verify', '--deep')).to.have.nested.property('[0].summary.sound', true);
    });
  });
