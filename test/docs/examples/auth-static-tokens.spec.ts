import { expect } from 'chai';
import authStaticTokens from '../../../docs/examples/auth-static-tokens/src/index.ts';
import { openRegistry, type ExampleRegistry } from '../example-registry.ts';
import { pullManifest, pushImage } from '../image.ts';
// What its author runs: the conformance kit.
import '../../../docs/examples/auth-static-tokens/test/conformance.spec.ts';

const writer = 'the-token-of-ci-a1b2c3';
const reader = 'the-token-of-a-reader-';

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

describe('the example auth-static-tokens', () => {
  let registry: ExampleRegistry;

  before(async () => {
    const tokens = [
      { subject: 'ci', token: writer, repositories: ['team/*'], actions: ['pull', 'push'] },
      { subject: 'reader', token: reader, repositories: ['*'], actions: ['pull'] },
    ] as const;
    registry = await openRegistry([authStaticTokens({ realm: 'acme', tokens })]);
    const image = { url: registry.url, repository: 'team/app', tag: '1.0', headers: bearer(writer) };
    expect((await pushImage(image)).status).to.equal(201);
  });
  after(() => registry.stop());

  for (const [who, headers] of [
    ['nobody', {}],
    ['somebody with a wrong token', bearer('no-token-of-anybody-at-all')],
    ['somebody with a wrong password', basic('ci', 'no-token-of-anybody-at-all')],
  ] as const) {
    it(`answers ${who} with 401 and a challenge`, async () => {
      for (const path of ['/v2/', '/v2/team/app/manifests/1.0', '/v2/_catalog']) {
        const response = await fetch(registry.url + path, { headers: { ...headers } });
        expect(response.status, path).to.equal(401);
        expect(response.headers.get('www-authenticate')).to.equal('Basic realm="acme"');
        expect(await response.text()).to.contain('UNAUTHORIZED');
      }
    });
  }

  it('lets a token in, as a Bearer token and as the password of Basic', async () => {
    for (const headers of [bearer(reader), basic('reader', reader)]) {
      expect((await fetch(`${registry.url}/v2/`, { headers })).status).to.equal(200);
      const target = { url: registry.url, repository: 'team/app', tag: '1.0', headers };
      expect((await pullManifest(target)).status).to.equal(200);
    }
  });

  it('denies what the token is not good for: another repository, another action', async () => {
    for (const [token, path, method] of [
      [writer, 'other/app/manifests/1.0', 'GET'],
      [writer, 'team/app/manifests/1.0', 'DELETE'],
      [reader, 'team/app/blobs/uploads/', 'POST'],
    ] as const) {
      const response = await fetch(`${registry.url}/v2/${path}`, { method, headers: bearer(token) });
      expect(response.status, `${method} ${path}`).to.equal(403);
      expect(await response.text()).to.contain('DENIED');
    }
  });

  it('shows the catalog to who may read every repository', async () => {
    const catalog = (token: string): Promise<Response> =>
      fetch(`${registry.url}/v2/_catalog`, { headers: bearer(token) });
    expect(await (await catalog(reader)).json()).to.deep.equal({ repositories: ['team/app'] });
    expect((await catalog(writer)).status).to.equal(403);
  });
});
