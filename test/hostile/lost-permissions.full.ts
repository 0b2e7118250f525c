import { expect } from 'chai';
import { expectError } from '../oci/answers.ts';
import { bareManifest, contentOf, digestOf, imageOf, noise } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { expectNoSecret } from './disclosure.ts';
import { RegistryChild } from './registry-child.ts';
import { SmallDisk } from './small-disk.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const manifests = '/v2/library/app/manifests';
const config = contentOf('{"architecture":"amd64","os":"linux"}');
const layer = contentOf(noise(2 * MIB));
const image = imageOf(config, [layer]);
const other = bareManifest('other');
const folders = ['objects', 'uploads', 'tmp', 'locks'];

/** Root may do anything, so that the registry has to run as somebody else. */
const nobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};

describe('Without the permissions it had, a registry', () => {
  let disk: SmallDisk;
  let registry: RegistryChild;
  let client: HttpClient;
  let upload = '';

  before(async () => {
    disk = await SmallDisk.mount(64 * MIB);
    registry = await RegistryChild.start({ storage: 'filesystem', root: disk.path, ...nobody });
    client = new HttpClient(registry.url);
    for (const { bytes } of [config, layer]) expect((await push(bytes)).status).to.equal(201);
    expect((await putManifest('v1', image)).status).to.equal(201);
    upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    expect((await client.patch(upload, { body: 'hello' })).status).to.equal(202);
  });
  after(async () => {
    client.close();
    const code = await registry.stop();
    await disk.unmount();
    expect(code).to.equal(0);
  });

  const push = (bytes: Buffer): Promise<Answer> =>
    client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
  const putManifest = (reference: string, { bytes, mediaType }: typeof image): Promise<Answer> =>
    client.put(`${manifests}/${reference}`, { headers: { 'content-type': mediaType }, body: bytes });
  const isWell = async (): Promise<void> => {
    expect(digestOf((await client.get(`${manifests}/v1`)).body)).to.equal(image.digest);
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    expect((await client.get('/readyz')).status).to.equal(200);
  };

  it('to write goes on with pulls, refuses pushes with 503, and is not ready; with them it is well again', async () => {
    await disk.permit(0o555, ...folders);
    expect(digestOf((await client.get(`${manifests}/v1`)).body)).to.equal(image.digest);
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    expect((await client.get('/readyz')).status).to.equal(503);
    expectNoSecret(await client.get('/readyz'));
    isUnavailable(await push(noise(MIB, 2)));
    isUnavailable(await push(noise(1000, 3)));
    isUnavailable(await client.patch(upload, { body: noise(MIB, 4) }));
    isUnavailable(await putManifest('v2', other));
    expectError(await client.get(`${manifests}/v2`), 404, 'MANIFEST_UNKNOWN');

    await disk.permit(0o755, ...folders);
    await isWell();
    expect((await push(noise(MIB, 2))).status).to.equal(201);
    expect((await putManifest('v2', other)).status).to.equal(201);
    expect([await disk.count('tmp'), (await client.get(upload)).headers.range]).to.deep.equal([0, '0-4']);
  });

  it('to read answers 503 and never 404; with them it is well again', async () => {
    await disk.permit(0o000, 'objects');
    for (const path of [
      `${manifests}/v1`,
      `${manifests}/${image.digest}`,
      `${manifests}/absent`,
      `${blobs}/${layer.digest}`,
      `${blobs}/${digestOf('absent')}`,
      '/v2/library/app/tags/list',
      '/v2/_catalog',
      `/v2/library/app/referrers/${image.digest}`,
      upload,
    ]) {
      isUnavailable(await client.get(path));
    }
    isUnavailable(await push(noise(MIB, 5)));
    isUnavailable(await client.delete(`${manifests}/v1`));
    expect((await client.get('/readyz')).status).to.equal(503);
    await disk.permit(0o755, 'objects');
    await isWell();
    expect((await push(noise(MIB, 5))).status).to.equal(201);
  });
});

describe('Without descriptors, a registry', () => {
  it('lives on, and is well once connections are gone', async () => {
    const registry = await RegistryChild.start({ storage: 'filesystem', descriptors: 120 });
    const client = new HttpClient(registry.url);
    const path = `${blobs}/uploads/?digest=${layer.digest}`;
    expect((await client.post(path, { body: layer.bytes })).status).to.equal(201);

    const others = Array.from({ length: 200 }, () => new HttpClient(registry.url));
    const answers = await Promise.allSettled(others.map((each) => each.get(`${blobs}/${layer.digest}`)));
    let served = 0;
    for (const answer of answers) {
      if (answer.status === 'rejected') continue;
      const { status, body } = answer.value;
      if (status !== 200) isUnavailable(answer.value);
      else expect(digestOf(body)).to.equal(layer.digest);
      served += status === 200 ? 1 : 0;
    }
    // Else there were descriptors enough.
    expect(served).to.be.lessThan(200);
    for (const each of others) each.close();

    while ((await registry.descriptors()) > 100) await client.get('/livez');
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    client.close();
    expect(await registry.stop()).to.equal(0);
  });
});

function isUnavailable(answer: Answer): void {
  expectError(answer, 503, 'UNAVAILABLE');
  expect(answer.headers['retry-after']).to.match(/^[1-9]\d*$/);
  expectNoSecret(answer);
}
