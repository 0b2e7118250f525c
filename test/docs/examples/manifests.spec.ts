import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import { expect } from 'chai';
import manifestLabels from '../../../docs/examples/manifest-labels/src/index.ts';
import manifestNoLatest from '../../../docs/examples/manifest-no-latest/src/index.ts';
import { openRegistry, type ExampleRegistry } from '../example-registry.ts';
import { manifestType, pullManifest, pushImage, type ImageContent } from '../image.ts';

const source = 'org.opencontainers.image.source';
const licenses = 'org.opencontainers.image.licenses';

describePlugin({ describe, it }, manifestLabels, {
  valid: { required: [source] },
  invalid: { required: source },
});
describePlugin({ describe, it }, manifestNoLatest, { valid: {}, invalid: { tags: [] } });

describe('the example manifest-no-latest', () => {
  it('refuses the tag latest with a reason, and takes any other', async () => {
    const registry = await openRegistry([manifestNoLatest()]);
    const { url } = registry;
    try {
      const refused = await pushImage({ url, repository: 'app', tag: 'latest' });
      expect(refused.status).to.equal(403);
      expect(await refused.text()).to.contain("'latest' is no version");
      expect((await pullManifest({ url, repository: 'app', tag: 'latest' })).status).to.equal(404);
      expect((await pushImage({ url, repository: 'app', tag: '1.0' })).status).to.equal(201);
    } finally {
      await registry.stop();
    }
  });
});

describe('the example manifest-labels', () => {
  let registry: ExampleRegistry;
  const push = (content: ImageContent): Promise<Response> =>
    pushImage({ url: registry.url, repository: 'app', tag: '1.0' }, content);

  before(async () => {
    registry = await openRegistry([manifestLabels({ required: [source], recommended: [licenses] })]);
  });
  after(() => registry.stop());

  it('refuses an image without a required label, and names it', async () => {
    const response = await push({ annotations: { [licenses]: 'MIT' } });
    expect(response.status).to.equal(403);
    expect(await response.json()).to.deep.equal({
      errors: [{ code: 'DENIED', message: `the image lacks ${source}`, detail: source }],
    });
  });

  it('takes an image whose annotations or whose configuration has the label', async () => {
    const label = { [source]: 'https://git.example/app', [licenses]: 'MIT' };
    for (const content of [{ annotations: label }, { labels: label }]) {
      const response = await push(content);
      expect(response.status).to.equal(201);
      expect(response.headers.get('warning')).to.equal(null);
    }
  });

  it('warns of a recommended label that is missing', async () => {
    const response = await push({ annotations: { [source]: 'https://git.example/app' } });
    expect(response.status).to.equal(201);
    expect(response.headers.get('warning')).to.equal(`299 - "the image has no ${licenses}"`);
  });

  it('leaves alone what is no image', async () => {
    const response = await fetch(`${registry.url}/v2/app/manifests/list`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      body: JSON.stringify({ schemaVersion: 2, manifests: [] }),
    });
    expect(response.status).to.equal(201);
  });

  it('leaves it to the registry to refuse an image whose configuration is absent', async () => {
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 2,
    };
    const response = await fetch(`${registry.url}/v2/app/manifests/absent`, {
      method: 'PUT',
      headers: { 'content-type': manifestType },
      body: JSON.stringify({ schemaVersion: 2, config, layers: [], annotations: { [source]: 'x' } }),
    });
    expect(response.status).to.equal(400);
    expect(await response.text()).to.contain('MANIFEST_BLOB_UNKNOWN');
  });
});
