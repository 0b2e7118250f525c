import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from './client.ts';
import { type ImageLayout, reachableDigests, writeImageLayout } from './image-layout.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('crane', () => {
  let workplace: Workplace;
  let layout: ImageLayout;
  let crane: Client;
  let reference: string;

  before(async () => {
    workplace = await openWorkplace();
    const run = client('crane', workplace.folder);
    crane = async (...args) => (await run('--insecure', ...args)).trim();
    layout = await writeImageLayout(join(workplace.folder, 'layout'), 'crane');
    reference = `${workplace.registry.host}/crane/app`;
  });
  after(() => workplace.close());

  it('pushes a layout and pulls every platform back byte for byte', async () => {
    await crane('push', '--index', layout.folder, `${reference}:layout`);
    await crane('tag', `${reference}@${layout.index}`, 'index');
    const pulled = join(workplace.folder, 'pulled');
    await crane('pull', '--format', 'oci', `${reference}:index`, pulled);
    expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
      await reachableDigests(layout.folder, layout.index),
    );
  });

  it('finds layers and configuration of what it pushed sound', async () => {
    // It opens every layer, and knows gzip alone.
    await crane('validate', '--remote', `${reference}@${layout.image}`);
  });

  it('reads a digest, a manifest and a blob', async () => {
    const [, hex = ''] = layout.image.split(':');
    expect(await crane('digest', `${reference}:index`)).to.equal(layout.index);
    expect(await crane('manifest', `${reference}@${layout.image}`)).to.equal(
      await readFile(join(layout.folder, 'blobs', 'sha256', hex), 'utf8'),
    );
    expect(await crane('config', `${reference}@${layout.image}`)).to.contain('layer 0 of crane');
  });

  it('appends a layer to an image', async () => {
    const archive = join(layout.folder, 'oci-layout');
    await crane(
      'append',
      '--base',
      `${reference}@${layout.image}`,
      '--new_layer',
      archive,
      '--new_tag',
      `${reference}:appended`,
    );
    expect(JSON.parse(await crane('manifest', `${reference}:appended`)))
      .to.have.property('layers')
      .with.lengthOf(3);
  });

  it('copies an index to another repository', async () => {
    const target = `${workplace.registry.host}/crane/promoted`;
    await crane('copy', `${reference}:index`, `${target}:stable`);
    expect(await crane('digest', `${target}:stable`)).to.equal(layout.index);
    await crane('validate', '--remote', `${target}@${layout.image}`);
  });

  it('lists tags and repositories', async () => {
    expect((await crane('ls', reference)).split('\n')).to.deep.equal(['appended', 'index', 'layout']);
    expect((await crane('catalog', workplace.registry.host)).split('\n')).to.deep.equal([
      'crane/app',
      'crane/promoted',
    ]);
  });

  it('deletes a tag, and a manifest by its digest', async () => {
    const digest = await crane('digest', `${reference}:appended`);
    await crane('delete', `${reference}:layout`);
    await crane('delete', `${reference}@${digest}`);
    expect((await crane('ls', reference)).split('\n')).to.deep.equal(['index']);
    const failure: unknown = await crane('manifest', `${reference}@${digest}`).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ClientFailure);
    expect(failure).to.have.property('output').that.contains('MANIFEST_UNKNOWN');
  });
});
