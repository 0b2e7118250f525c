import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from './client.ts';
import { digestOf, type ImageLayout, noise, reachableDigests, writeImageLayout } from './image-layout.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

interface Attached {
  readonly artifactType: string;
  readonly digest: string;
}
/** One line for each attached manifest. */
const row = '{{range .referrers}}{{.artifactType}} {{.digest}}{{"\\n"}}{{end}}';

describe('oras', () => {
  let workplace: Workplace;
  let layout: ImageLayout;
  let oras: Client;
  let reference: string;
  before(async () => {
    workplace = await openWorkplace();
    oras = client('oras', workplace.folder);
    layout = await writeImageLayout(join(workplace.folder, 'layout'), 'oras');
    reference = `${workplace.registry.host}/oras/app`;
  });
  after(() => workplace.close());

  /** What is attached to `subject`, as `oras discover` tells it. */
  const attached = async (subject: string, ...args: readonly string[]): Promise<Attached[]> => {
    const found = await oras(
      'discover',
      '--plain-http',
      '--format',
      'go-template',
      ...args,
      '--template',
      row,
      subject,
    );
    return found
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [artifactType = '', digest = ''] = line.split(' ');
        return { artifactType, digest };
      });
  };

  it('copies an index in and out byte for byte', async () => {
    await oras('cp', '--from-oci-layout', '--to-plain-http', `${layout.folder}:index`, `${reference}:index`);
    const pulled = join(workplace.folder, 'pulled');
    await oras('cp', '--from-plain-http', '--to-oci-layout', `${reference}:index`, `${pulled}:index`);
    expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
      await reachableDigests(layout.folder, layout.index),
    );
  });

  it('pushes an artifact and pulls its files back', async () => {
    const content = noise('oras artifact', 1_500_000);
    await writeFile(join(workplace.folder, 'model.bin'), content);
    await oras(
      'push',
      '--plain-http',
      '--artifact-type',
      'application/vnd.example.model',
      `${reference}:model`,
      'model.bin:application/vnd.example.weights',
    );
    const out = join(workplace.folder, 'out');
    await oras('pull', '--plain-http', '--output', out, `${reference}:model`);
    expect(digestOf(await readFile(join(out, 'model.bin')))).to.equal(digestOf(content));
  });

  it('attaches artifacts to an index and discovers them', async () => {
    await writeFile(join(workplace.folder, 'sbom.json'), '{"packages":[]}');
    await writeFile(join(workplace.folder, 'signature'), 'signed');
    const attach = (type: string, file: string): Promise<string> =>
      oras('attach', '--plain-http', '--artifact-type', type, `${reference}:index`, file);
    await attach('application/vnd.example.sbom', 'sbom.json:application/json');
    await attach('application/vnd.example.signature', 'signature:text/plain');
    const found = await attached(`${reference}:index`);
    expect(found.map(({ artifactType }) => artifactType)).to.have.members([
      'application/vnd.example.sbom',
      'application/vnd.example.signature',
    ]);
  });

  it('discovers by type', async () => {
    const found = await attached(`${reference}:index`, '--artifact-type', 'application/vnd.example.sbom');
    expect(found.map(({ artifactType }) => artifactType)).to.deep.equal(['application/vnd.example.sbom']);
  });

  it('copies an index and all that is attached to it', async () => {
    const target = `${workplace.registry.host}/oras/promoted`;
    await oras(
      'cp',
      '--recursive',
      '--from-plain-http',
      '--to-plain-http',
      `${reference}:index`,
      `${target}:stable`,
    );
    expect((await oras('resolve', '--plain-http', `${target}:stable`)).trim()).to.equal(layout.index);
    expect(await attached(`${target}:stable`)).to.have.lengthOf(2);
  });

  it('puts, reads and deletes a blob', async () => {
    const content = noise('oras blob', 200_000);
    const file = join(workplace.folder, 'blob');
    await writeFile(file, content);
    const blob = `${reference}@${digestOf(content)}`;
    await oras('blob', 'push', '--plain-http', blob, file);
    await oras('blob', 'fetch', '--plain-http', '--output', `${file}-fetched`, blob);
    expect(digestOf(await readFile(`${file}-fetched`))).to.equal(digestOf(content));
    await oras('blob', 'delete', '--plain-http', '--force', blob);
    const failure: unknown = await oras('blob', 'fetch', '--plain-http', '--descriptor', blob).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ClientFailure);
  });

  it('makes an index in the registry out of what is there', async () => {
    await oras('manifest', 'index', 'create', '--plain-http', `${reference}:made`, layout.image, 'model');
    const fetched = await oras('manifest', 'fetch', '--plain-http', `${reference}:made`);
    expect(JSON.parse(fetched)).to.have.property('manifests').with.lengthOf(2);
  });

  it('tags, and lists tags and repositories', async () => {
    await oras('tag', '--plain-http', `${reference}:model`, 'v1', 'v1.0');
    expect((await oras('repo', 'tags', '--plain-http', reference)).trim().split('\n')).to.deep.equal([
      'index',
      'made',
      'model',
      'v1',
      'v1.0',
    ]);
    expect(
      (await oras('repo', 'ls', '--plain-http', workplace.registry.host)).trim().split('\n'),
    ).to.deep.equal(['oras/app', 'oras/promoted']);
  });

  it('deletes an attached manifest, which is then no longer discovered', async () => {
    const [sbom] = await attached(`${reference}:index`, '--artifact-type', 'application/vnd.example.sbom');
    await oras('manifest', 'delete', '--plain-http', '--force', `${reference}@${sbom?.digest ?? ''}`);
    expect((await attached(`${reference}:index`)).map(({ artifactType }) => artifactType)).to.deep.equal([
      'application/vnd.example.signature',
    ]);
  });

  it('backs a repository up and restores it', async () => {
    const archive = join(workplace.folder, 'backup');
    await mkdir(archive);
    await oras('backup', '--plain-http', '--include-referrers', '--output', archive, `${reference}:index`);
    const target = `${workplace.registry.host}/oras/restored`;
    await oras('restore', '--plain-http', '--input', archive, `${target}:index`);
    expect((await oras('resolve', '--plain-http', `${target}:index`)).trim()).to.equal(layout.index);
  });
});
