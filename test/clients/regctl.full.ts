import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from './client.ts';
import { type ImageLayout, reachableDigests, writeImageLayout } from './image-layout.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('regctl', () => {
  let workplace: Workplace;
  let layout: ImageLayout;
  let regctl: Client;
  let reference: string;

  before(async () => {
    workplace = await openWorkplace();
    const run = client('regctl', workplace.folder, { REGCTL_CONFIG: join(workplace.folder, 'regctl.json') });
    regctl = async (...args) => (await run(...args)).trim();
    layout = await writeImageLayout(join(workplace.folder, 'layout'), 'regctl');
    reference = `${workplace.registry.host}/regctl/app`;
    // Chunks of 1 MB make the layers go up in several PATCHes.
    await regctl(
      'registry',
      'set',
      workplace.registry.host,
      '--tls',
      'disabled',
      '--blob-chunk',
      '1000000',
      '--blob-max',
      '1000000',
    );
  });
  after(() => workplace.close());

  it('pushes an index in chunks and pulls every platform back byte for byte', async () => {
    await regctl('image', 'copy', `ocidir://${layout.folder}:index`, `${reference}:index`);
    const pulled = join(workplace.folder, 'pulled');
    await regctl('image', 'copy', `${reference}:index`, `ocidir://${pulled}:index`);
    expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
      await reachableDigests(layout.folder, layout.index),
    );
  });

  it('reads the digest of an index and the configuration of one of its platforms', async () => {
    expect(await regctl('image', 'digest', `${reference}:index`)).to.equal(layout.index);
    const configuration = await regctl('image', 'config', '--platform', 'linux/arm64', `${reference}:index`);
    expect(JSON.parse(configuration)).to.have.property('architecture', 'arm64');
  });

  it('attaches an artifact and discovers it by its type', async () => {
    const file = join(workplace.folder, 'report.json');
    await writeFile(file, '{"findings":[]}');
    const put = [
      '--artifact-type',
      'application/vnd.example.report',
      '--file-media-type',
      'application/json',
      '--file',
      file,
    ];
    await regctl(
      'artifact',
      'put',
      ...put,
      '--annotation',
      'org.example.run=1',
      '--subject',
      `${reference}:index`,
    );
    const list = [
      'artifact',
      'list',
      `${reference}:index`,
      '--format',
      '{{range .Descriptors}}{{.ArtifactType}} {{index .Annotations "org.example.run"}}{{end}}',
    ];
    expect(await regctl(...list)).to.equal('application/vnd.example.report 1');
    expect(await regctl(...list, '--filter-artifact-type', 'application/vnd.example.report')).to.equal(
      'application/vnd.example.report 1',
    );
    expect(await regctl(...list, '--filter-artifact-type', 'application/vnd.example.other')).to.equal('');
    expect(await regctl('artifact', 'get', '--subject', `${reference}:index`)).to.equal('{"findings":[]}');
    expect(await regctl('artifact', 'tree', `${reference}:index`)).to.contain(
      'application/vnd.example.report',
    );
  });

  it('copies an index and what is attached to it to another repository', async () => {
    const target = `${workplace.registry.host}/regctl/promoted`;
    await regctl('image', 'copy', '--referrers', `${reference}:index`, `${target}:stable`);
    expect(await regctl('image', 'digest', `${target}:stable`)).to.equal(layout.index);
    expect(await regctl('artifact', 'get', '--subject', `${target}:stable`)).to.equal('{"findings":[]}');
  });

  it('lists tags and repositories', async () => {
    await regctl('image', 'copy', `${reference}@${layout.image}`, `${reference}:amd64`);
    expect((await regctl('tag', 'ls', reference)).split('\n')).to.deep.equal(['amd64', 'index']);
    expect((await regctl('repo', 'ls', workplace.registry.host)).split('\n')).to.deep.equal([
      'regctl/app',
      'regctl/promoted',
    ]);
  });

  it('deletes a tag and leaves what it pointed at', async () => {
    await regctl('tag', 'delete', `${reference}:amd64`);
    expect(await regctl('tag', 'ls', reference)).to.equal('index');
    expect(await regctl('manifest', 'head', `${reference}@${layout.image}`)).to.contain(layout.image);
  });

  it('deletes a manifest, and its tags go with it', async () => {
    await regctl('manifest', 'delete', `${reference}@${layout.index}`);
    const failure: unknown = await regctl('manifest', 'head', `${reference}:index`).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ClientFailure);
    expect(failure).to.have.property('output').that.contains('not found');
  });
});
