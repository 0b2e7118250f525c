import { withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { SignedObjects } from '../servers/signed-objects.ts';
import { expectEmpty, expectError } from './answers.ts';
import { noise, type Content } from './content.ts';
import { expectStatus, pushBlob } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

const repository = 'library/redirects';
const SIZE = 200_000;

onEachStorage('A redirect', (serve) => {
  let bucket: SignedObjects;
  before(async () => {
    bucket = await SignedObjects.start();
  });
  after(() => bucket.stop());

  /** A plugin whose storage signs URLs, in this way or as the bucket does. */
  const signing = (sign?: StorageDriver['signUrl']) =>
    plugin('signing', (hooks, name) =>
      hooks.wrapStorage.tap(name, (driver) =>
        withMethods(driver, { signUrl: sign ?? bucket.signUrlFor(driver) }),
      ),
    );
  const pathOf = ({ digest }: Content): string => `/v2/${repository}/blobs/${digest}`;
  const registryWith = async (
    redirects: Parameters<typeof serve>[0],
    sign?: StorageDriver['signUrl'],
  ): Promise<{ registry: ServedRegistry; blob: Content }> => {
    const registry = await serve(redirects, signing(sign));
    return { registry, blob: await pushBlob(registry, repository, noise(SIZE, 7)) };
  };

  it('leads to the bytes of a blob, and says which blob it is', async () => {
    const { registry, blob } = await registryWith({});
    const answer = await registry.get(pathOf(blob));
    expectEmpty(answer, 307);
    expect(answer.headers['docker-content-digest']).to.equal(blob.digest);
    expect(answer.headers['cache-control']).to.equal('no-store');
    const whole = await fetch(answer.headers.location ?? '');
    expect(Buffer.from(await whole.arrayBuffer()).equals(blob.bytes)).to.equal(true);
  });

  it('is followed with the Range of the client', async () => {
    const { registry, blob } = await registryWith({});
    const part = await fetch(registry.url + pathOf(blob), { headers: { range: 'bytes=1000-1999' } });
    expect([part.redirected, part.status]).to.deep.equal([true, 206]);
    expect(Buffer.from(await part.arrayBuffer()).equals(blob.bytes.subarray(1000, 2000))).to.equal(true);
  });

  it('never answers HEAD, nor a client that has the blob', async () => {
    const { registry, blob } = await registryWith({});
    const asked = await registry.head(pathOf(blob));
    expectEmpty(asked, 200);
    expect(asked.headers['content-length']).to.equal(String(SIZE));
    expectEmpty(await registry.get(pathOf(blob), { 'if-none-match': `"${blob.digest}"` }), 304);
  });

  it('is not worth it for a small blob, be it in its record or beside it', async () => {
    const { registry } = await registryWith({});
    for (const size of [0, 1000, 16_385, 65_536]) {
      const blob = await pushBlob(registry, repository, noise(size, size));
      expect(expectStatus(await registry.get(pathOf(blob)), 200).body.equals(blob.bytes)).to.equal(true);
    }
  });

  it('does not lead to bytes that are gone: that blob is unknown', async () => {
    const { registry, blob } = await registryWith({});
    for (const key of (await registry.driver.list('data/', { limit: 10 })).keys)
      await registry.driver.delete(key);
    expectError(await registry.get(pathOf(blob)), 404, 'BLOB_UNKNOWN');
  });

  it('is for those alone who may pull', async () => {
    let allowed = true;
    const rule = plugin('rule', (hooks, name) => hooks.authorize.tap(name, () => allowed));
    const registry = await serve({}, signing(), rule);
    const blob = await pushBlob(registry, repository, noise(SIZE, 7));
    allowed = false;
    const refused = await registry.get(pathOf(blob));
    expect(refused.status).to.equal(401);
    expect(refused.headers).to.not.have.property('location');
    allowed = true;
    expectEmpty(await registry.get(pathOf(blob)), 307);
  });

  it('lasts as long as the configuration says', async () => {
    const asked: number[] = [];
    const { registry, blob } = await registryWith(
      { redirects: { expires: 77 } },
      async (_key, { expires }) => {
        asked.push(expires);
        return 'https://bucket.example/blob';
      },
    );
    expect((await registry.get(pathOf(blob))).headers.location).to.equal('https://bucket.example/blob');
    expect(asked).to.deep.equal([77]);
  });

  for (const [reason, redirects] of Object.entries({
    'they are turned off': { enabled: false },
    'its network is excepted': { exceptNetworks: ['10.0.0.0/8', '127.0.0.0/8'] },
    'its User-Agent is excepted': { exceptUserAgents: ['Other/1', 'OLD-client/'] },
  })) {
    it(`does not answer a client when ${reason}`, async () => {
      const { registry, blob } = await registryWith({ redirects });
      const headers = { 'user-agent': 'old-client/1.0 (linux)' };
      expect(expectStatus(await registry.get(pathOf(blob), headers), 200).body.equals(blob.bytes)).to.equal(
        true,
      );
    });
  }

  it('answers the clients that no exception is for', async () => {
    const { registry, blob } = await registryWith({
      redirects: { exceptNetworks: ['10.0.0.0/8', '::2/128'], exceptUserAgents: ['old'] },
    });
    expectEmpty(await registry.get(pathOf(blob), { 'user-agent': 'new/1' }), 307);
    expectEmpty(await registry.get(pathOf(blob)), 307);
  });

  it('is not given when storage cannot sign, or fails to: then the registry sends the bytes', async () => {
    let asked = 0;
    const signers: StorageDriver['signUrl'][] = [
      async () => undefined,
      () => {
        asked += 1;
        return Promise.reject(new Error('no key'));
      },
    ];
    for (const sign of signers) {
      const { registry, blob } = await registryWith({}, sign);
      for (let pull = 0; pull < 3; pull += 1) {
        expect(expectStatus(await registry.get(pathOf(blob)), 200).body.equals(blob.bytes)).to.equal(true);
      }
    }
    expect(asked).to.equal(1);
  });

  it('has exceptions for networks that are some: others are refused with the configuration', async () => {
    for (const network of ['10.0.0.0/33', '1.2.3/8', 'fd00::/129', 'no network']) {
      const error: unknown = await serve({ redirects: { exceptNetworks: [network] } }).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.have.property('code', 'OPTIONS_INVALID');
      expect(error).to.have.property('message').that.includes('exceptNetworks');
    }
  });
});
