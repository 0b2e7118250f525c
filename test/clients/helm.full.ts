import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from './client.ts';
import { digestOf } from './image-layout.ts';
import { storedManifest } from './stored-manifest.ts';
import { openWorkplace, type Workplace } from './workplace.ts';

describe('helm', () => {
  let workplace: Workplace;
  let helm: Client;
  let charts: string;

  before(async () => {
    workplace = await openWorkplace();
    helm = client('helm', workplace.folder);
    charts = `oci://${workplace.registry.host}/charts`;
    const chart = join(workplace.folder, 'harbour');
    await mkdir(join(chart, 'templates'), { recursive: true });
    await writeFile(join(chart, 'values.yaml'), 'greeting: ahoy\n');
    await writeFile(
      join(chart, 'templates', 'greeting.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: greeting\ndata:\n  greeting: {{ .Values.greeting }}\n',
    );
    for (const version of ['1.0.0', '1.1.0+build.7']) {
      await writeFile(join(chart, 'Chart.yaml'), `apiVersion: v2\nname: harbour\nversion: ${version}\n`);
      await helm('package', chart);
    }
  });
  after(() => workplace.close());

  it('pushes a chart and pulls it back byte for byte', async () => {
    await helm('push', '--plain-http', 'harbour-1.0.0.tgz', charts);
    const out = join(workplace.folder, 'pulled');
    await mkdir(out);
    await helm('pull', '--plain-http', '--destination', out, `${charts}/harbour`, '--version', '1.0.0');
    const pulled = await readFile(join(out, 'harbour-1.0.0.tgz'));
    expect(digestOf(pulled)).to.equal(digestOf(await readFile(join(workplace.folder, 'harbour-1.0.0.tgz'))));
  });

  it('stores it as an artifact of its own type', async () => {
    const chart = await storedManifest(workplace.registry.host, 'charts/harbour', '1.0.0');
    expect(chart.contentTypes).to.deep.equal(['application/vnd.cncf.helm.chart.content.v1.tar+gzip']);
  });

  it('finds the newest version among the tags, a + in it being a _ there', async () => {
    await helm('push', '--plain-http', 'harbour-1.1.0+build.7.tgz', charts);
    expect(
      await helm('show', 'chart', '--plain-http', `${charts}/harbour`, '--version', '^1.0.0'),
    ).to.contain('version: 1.1.0+build.7');
  });

  it('renders a chart straight from the registry', async () => {
    const rendered = await helm(
      'template',
      'release',
      '--plain-http',
      `${charts}/harbour`,
      '--version',
      '1.0.0',
    );
    expect(rendered).to.contain('greeting: ahoy');
  });

  it('is told when a chart is not there', async () => {
    const failure: unknown = await helm(
      'pull',
      '--plain-http',
      `${charts}/never`,
      '--version',
      '1.0.0',
    ).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ClientFailure);
    expect(failure).to.have.property('output').that.contains('not found');
  });
});
