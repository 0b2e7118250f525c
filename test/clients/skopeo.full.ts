import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from './client.ts';
import { createContainerStorage } from './container-storage.ts';
import { digestOf, type ImageLayout, reachableDigests, writeImageLayout } from './image-layout.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('skopeo', () => {
  let workplace: Workplace;
  let layout: ImageLayout;
  let skopeo: Client;
  let repository: string;

  before(async () => {
    workplace = await openWorkplace();
    const environment = await createContainerStorage(workplace.folder, workplace.registry.host);
    skopeo = client('skopeo', workplace.folder, environment);
    layout = await writeImageLayout(join(workplace.folder, 'layout'), 'skopeo');
    repository = `docker://${workplace.registry.host}/skopeo/app`;
  });
  after(() => workplace.close());

  it('pushes an image and pulls it back byte for byte', async () => {
    await skopeo('copy', `oci:${layout.folder}:image`, `${repository}:image`);
    const pulled = join(workplace.folder, 'pulled-image');
    await skopeo('copy', `${repository}:image`, `oci:${pulled}:image`);
    expect(await reachableDigests(pulled, layout.image)).to.deep.equal(
      await reachableDigests(layout.folder, layout.image),
    );
  });

  it('copies every platform of an index, zstd layers included, in and out', async () => {
    await skopeo('copy', '--all', `oci:${layout.folder}:index`, `${repository}:index`);
    const pulled = join(workplace.folder, 'pulled-index');
    await skopeo('copy', '--all', `${repository}:index`, `oci:${pulled}:index`);
    expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
      await reachableDigests(layout.folder, layout.index),
    );
  });

  it('copies an index from repository to repository', async () => {
    const target = `docker://${workplace.registry.host}/skopeo/promoted`;
    await skopeo('copy', '--all', `${repository}@${layout.index}`, `${target}:stable`);
    expect(digestOf(Buffer.from(await skopeo('inspect', '--raw', `${target}:stable`)))).to.equal(
      layout.index,
    );
  });

  it('sees the stored manifest to the byte', async () => {
    const raw = await skopeo('inspect', '--raw', `${repository}:image`);
    const [, hex = ''] = layout.image.split(':');
    expect(raw).to.equal(await readFile(join(layout.folder, 'blobs', 'sha256', hex), 'utf8'));
  });

  it('pushes docker schema 2 and reads its media type back', async () => {
    await skopeo('copy', '--format', 'v2s2', `oci:${layout.folder}:image`, `${repository}:docker`);
    expect(JSON.parse(await skopeo('inspect', '--raw', `${repository}:docker`))).to.have.property(
      'mediaType',
      'application/vnd.docker.distribution.manifest.v2+json',
    );
  });

  it('lists tags in order', async () => {
    expect(JSON.parse(await skopeo('list-tags', repository)))
      .to.have.property('Tags')
      .that.deep.equals(['docker', 'image', 'index']);
  });

  it('deletes an image, with all its tags', async () => {
    await skopeo('copy', `${repository}:docker`, `${repository}:docker-too`);
    await skopeo('delete', `${repository}:docker`);
    const failure: unknown = await skopeo('inspect', `${repository}:docker-too`).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ClientFailure);
    expect(failure).to.have.property('output').that.contains('manifest unknown');
    expect(JSON.parse(await skopeo('list-tags', repository)))
      .to.have.property('Tags')
      .that.deep.equals(['image', 'index']);
  });

  it('mirrors a repository into a folder', async () => {
    const mirror = join(workplace.folder, 'mirror');
    const host = workplace.registry.host;
    await skopeo(
      'sync',
      '--all',
      '--src',
      'docker',
      '--dest',
      'dir',
      '--src-tls-verify=false',
      `${host}/skopeo/app`,
      mirror,
    );
    expect(digestOf(await readFile(join(mirror, 'app:index', 'manifest.json')))).to.equal(layout.index);
  });
});
