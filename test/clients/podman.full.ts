import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeBuildContext } from './build-context.ts';
import { client, type Client } from './client.ts';
import { createContainerStorage } from './container-storage.ts';
import { storedManifest } from './stored-manifest.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('podman', () => {
  let workplace: Workplace;
  let podman: Client;
  let reference: string;

  before(async () => {
    workplace = await openWorkplace();
    const environment = await createContainerStorage(workplace.folder, workplace.registry.host);
    podman = client('podman', workplace.folder, environment);
    const context = await writeBuildContext(join(workplace.folder, 'context'), 'podman');
    reference = `${workplace.registry.host}/podman/app`;
    await podman('build', '--layers', '--tag', 'built', context.folder);
  });
  after(() => workplace.close());

  const imageId = async (name: string): Promise<string> =>
    (await podman('image', 'inspect', '--format', '{{.Id}}', name)).trim();

  it('pushes what it built and pulls the same image', async () => {
    const built = await imageId('built');
    await podman('push', 'built', `${reference}:1`);
    await podman('rmi', '--all', '--force');
    await podman('pull', `${reference}:1`);
    expect(await imageId(`${reference}:1`)).to.equal(built);
  });

  it('pulls by the digest that the push told', async () => {
    const digestFile = join(workplace.folder, 'digest');
    await podman('push', '--digestfile', digestFile, `${reference}:1`, `${reference}:2`);
    await podman('pull', `${reference}@${await readFile(digestFile, 'utf8')}`);
  });

  it('pushes docker schema 2', async () => {
    await podman('push', '--format', 'v2s2', `${reference}:1`, `${reference}:docker`);
    expect((await storedManifest(workplace.registry.host, 'podman/app', 'docker')).mediaType).to.equal(
      'application/vnd.docker.distribution.manifest.v2+json',
    );
    await podman('pull', `${reference}:docker`);
  });

  it('pushes zstd layers and pulls the same image', async () => {
    // Content that was never pushed before: podman would use again the gzip layers it knows of.
    const fresh = await writeBuildContext(join(workplace.folder, 'fresh'), 'podman zstd');
    await podman('build', '--layers', '--tag', 'fresh', fresh.folder);
    const built = await imageId('fresh');
    await podman('push', '--format', 'oci', '--compression-format', 'zstd', 'fresh', `${reference}:zstd`);
    expect((await storedManifest(workplace.registry.host, 'podman/app', 'zstd')).contentTypes).to.deep.equal([
      'application/vnd.oci.image.layer.v1.tar+zstd',
      'application/vnd.oci.image.layer.v1.tar+zstd',
    ]);
    await podman('rmi', '--all', '--force');
    await podman('pull', `${reference}:zstd`);
    expect(await imageId(`${reference}:zstd`)).to.equal(built);
  });

  it('pushes a manifest list with every image it names', async () => {
    await podman('manifest', 'create', 'list');
    await podman('manifest', 'add', 'list', `docker://${reference}:1`);
    await podman('manifest', 'add', '--arch', 'arm64', 'list', `docker://${reference}:zstd`);
    await podman('manifest', 'push', '--all', 'list', `docker://${reference}:list`);
    expect((await storedManifest(workplace.registry.host, 'podman/app', 'list')).contentTypes).to.deep.equal([
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.oci.image.manifest.v1+json',
    ]);
    await podman('pull', `${reference}:list`);
  });

  it('lists the tags of a repository', async () => {
    const found = await podman('search', '--list-tags', '--format', 'json', reference);
    expect(JSON.parse(found)).to.deep.equal([
      { Name: reference, Tags: ['1', '2', 'docker', 'list', 'zstd'] },
    ]);
  });

  it('finds the repositories of the registry', async () => {
    const found = await podman('search', '--format', '{{.Name}}', `${workplace.registry.host}/`);
    expect(found.trim().split('\n')).to.deep.equal([reference]);
  });
});
