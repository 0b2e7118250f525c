import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import { expect } from 'chai';
import metricsPlain from '../../../docs/examples/metrics-plain/src/index.ts';
import { openRegistry, type ExampleRegistry } from '../example-registry.ts';
import { pullManifest, pushImage } from '../image.ts';

describePlugin({ describe, it }, metricsPlain, { valid: {}, invalid: { path: 'metrics' } });

describe('the example metrics-plain', () => {
  let registry: ExampleRegistry;

  before(async () => {
    registry = await openRegistry([metricsPlain({ path: '/counts' })]);
  });
  after(() => registry.stop());

  it('counts the answers by endpoint, method and status, and shows them as text', async () => {
    const target = { url: registry.url, repository: 'app', tag: '1.0' };
    await pushImage(target);
    const length = (await (await pullManifest(target)).bytes()).length;
    await pullManifest({ ...target, tag: 'absent' });

    const response = await fetch(`${registry.url}/counts`);
    expect(response.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    const lines = (await response.text()).split('\n');
    expect(lines).to.include.members([
      'entrepot_answers_total{endpoint="uploads",method="POST",status="202"} 2',
      'entrepot_answers_total{endpoint="manifest",method="PUT",status="201"} 1',
      'entrepot_answers_total{endpoint="manifest",method="GET",status="200"} 1',
      'entrepot_answers_total{endpoint="manifest",method="GET",status="404"} 1',
    ]);
    const bytes = lines.find((line) => line.startsWith('entrepot_answer_bytes_total{endpoint="manifest"}'));
    expect(Number(bytes?.split(' ')[1])).to.be.greaterThan(length);
  });

  it('leaves every other path to the registry', async () => {
    expect((await fetch(`${registry.url}/v2/`)).status).to.equal(200);
    expect((await fetch(`${registry.url}/metrics`)).status).to.equal(404);
  });
});
