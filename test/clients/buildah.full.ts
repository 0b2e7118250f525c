import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeBuildContext } from './build-context.ts';
import { client, ClientFailure, type Client } from './client.ts';
import { createContainerStorage } from './container-storage.ts';
import { storedManifest } from './stored-manifest.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('buildah', () => {
  let workplace: Workplace;
  let buildah: Client;
  let reference: string;

  before(async () => {
    workplace = await openWorkplace();
    const environment = await createContainerStorage(workplace.folder, workplace.registry.host);
    buildah = client('buildah', workplace.folder, environment);
    const context = await writeBuildContext(join(workplace.folder, 'context'), 'buildah');
    reference = `${workplace.registry.host}/buildah/app`;
    await buildah('bud', '--layers', '--tag', 'built', context.folder);
  });
  after(() => workplace.close());

  /** The image's identity: the digest of its configuration, which names the digest of each uncompressed layer. */
  const imageId = async (name: string): Promise<string> =>
    (await buildah('inspect', '--type', 'image', '--format', '{{.FromImageID}}', name)).trim();

  it('pushes what it built and pulls the same image', async () => {
    const built = await imageId('built');
    await buildah('push', 'built', `docker://${reference}:1`);
    await buildah('pull', '--policy', 'always', `docker://${reference}:1`);
    expect(await imageId(`${reference}:1`)).to.equal(built);
  });

  it('pushes docker schema 2 and pulls the same image', async () => {
    await buildah(
      'push',
      '--format',
      'v2s2',
      '--digestfile',
      join(workplace.folder, 'digest'),
      'built',
      `docker://${reference}:docker`,
    );
    const digest = await readFile(join(workplace.folder, 'digest'), 'utf8');
    await buildah('pull', '--policy', 'always', `docker://${reference}@${digest}`);
    expect(await imageId(`${reference}@${digest}`)).to.match(/^[0-9a-f]{64}$/);
  });

  it('pushes zstd layers and builds on the pulled image, whose files are the same', async () => {
    // Content that was never pushed before: buildah would use again the gzip layers it knows of.
    const fresh = await writeBuildContext(join(workplace.folder, 'fresh'), 'buildah zstd');
    await buildah('bud', '--layers', '--tag', 'fresh', fresh.folder);
    await buildah(
      'push',
      '--format',
      'oci',
      '--compression-format',
      'zstd',
      'fresh',
      `docker://${reference}:zstd`,
    );
    expect((await storedManifest(workplace.registry.host, 'buildah/app', 'zstd')).contentTypes).to.deep.equal(
      ['application/vnd.oci.image.layer.v1.tar+zstd', 'application/vnd.oci.image.layer.v1.tar+zstd'],
    );
    await buildah('rmi', '--all', '--force');
    const container = (await buildah('from', '--pull-always', `docker://${reference}:zstd`)).trim();
    const root = (await buildah('mount', container)).trim();
    try {
      expect(await readFile(join(root, 'etc', 'hello'), 'utf8')).to.equal(fresh.hello);
      expect(await readFile(join(root, 'srv', 'noise'))).to.deep.equal(
        await readFile(join(fresh.folder, 'noise')),
      );
    } finally {
      await buildah('umount', container);
    }
    await buildah('commit', container, `docker://${reference}:derived`);
    await buildah('rm', container);
    await buildah('pull', '--policy', 'always', `docker://${reference}:derived`);
  });

  it('pushes a manifest list with every image it names', async () => {
    await buildah('manifest', 'create', 'list');
    await buildah('manifest', 'add', 'list', `docker://${reference}:1`);
    await buildah('manifest', 'add', '--arch', 'arm64', 'list', `docker://${reference}:docker`);
    await buildah('manifest', 'push', '--all', '--format', 'v2s2', 'list', `docker://${reference}:list`);
    const list = await storedManifest(workplace.registry.host, 'buildah/app', 'list');
    expect(list.mediaType).to.equal('application/vnd.docker.distribution.manifest.list.v2+json');
    expect(list.contentTypes).to.have.lengthOf(2);
  });

  it('is told when an image is not there', async () => {
    const failure: unknown = await buildah('pull', `docker://${reference}:never`).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ClientFailure);
    expect(failure).to.have.property('output').that.contains('manifest unknown');
  });
});
