import { createRegistry, type Registry } from '@entrepot/core';
import { expect } from 'chai';
import storageMemory from '@entrepot/storage-memory';
import { expectError } from '../oci/answers.ts';
import { bareManifest, digestOf, imageOf, noise, contentOf, type Content } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { RawConnection } from '../oci/raw-connection.ts';
import { expectNoSecret } from './disclosure.ts';
import { Backend } from './troubled-driver.ts';

const repository = 'library/app';
const manifests = `/v2/${repository}/manifests`;
const blobs = `/v2/${repository}/blobs`;
const config = contentOf('{"architecture":"amd64","os":"linux"}');
const layer: Content = contentOf(noise(3_000_000));
const image = imageOf(config, [layer]);

describe('While its backend is dead, a registry', () => {
  const backend = new Backend();
  let registry: Registry;
  let client: HttpClient;
  let upload = '';

  before(async () => {
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), backend.plugin],
    });
    client = new HttpClient((await registry.start()).url);
    for (const { bytes, digest } of [config, layer])
      expect((await client.post(`${blobs}/uploads/?digest=${digest}`, { body: bytes })).status).to.equal(201);
    const { mediaType, bytes } = image;
    const pushed = await client.put(`${manifests}/v1`, {
      headers: { 'content-type': mediaType },
      body: bytes,
    });
    expect(pushed.status).to.equal(201);
    upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    expect((await client.patch(upload, { body: 'hello' })).status).to.equal(202);
  });
  afterEach(() => {
    backend.trouble = undefined;
  });
  after(async () => {
    client.close();
    await registry.stop();
  });

  const other = bareManifest('other');
  const questions: readonly [what: string, ask: () => Promise<Answer>][] = [
    ['a tag', () => client.get(`${manifests}/v1`)],
    ['a tag that nobody has pushed', () => client.get(`${manifests}/v2`)],
    ['a manifest', () => client.get(`${manifests}/${image.digest}`)],
    ['a small blob', () => client.get(`${blobs}/${config.digest}`)],
    ['a large blob', () => client.get(`${blobs}/${layer.digest}`)],
    ['a part of a blob', () => client.get(`${blobs}/${layer.digest}`, { range: 'bytes=1-2' })],
    ['a blob that nobody has pushed', () => client.get(`${blobs}/${digestOf('none')}`)],
    ['the tags', () => client.get(`/v2/${repository}/tags/list`)],
    ['the tags of what does not exist', () => client.get('/v2/nobody/tags/list')],
    ['the catalog', () => client.get('/v2/_catalog')],
    ['referrers', () => client.get(`/v2/${repository}/referrers/${image.digest}`)],
    ['where an upload stands', () => client.get(upload)],
    ['an upload to go on', () => client.patch(upload, { body: 'more' })],
    ['an upload to be finished', () => client.put(`${upload}?digest=${digestOf('hello')}`)],
    ['an upload to be cancelled', () => client.delete(upload)],
    ['a blob to be taken', () => client.post(`${blobs}/uploads/?digest=${digestOf('x')}`, { body: 'x' })],
    [
      'a large blob to be taken',
      () => client.post(`${blobs}/uploads/?digest=${digestOf(layer.bytes)}`, { body: layer.bytes }),
    ],
    [
      'a blob to be mounted',
      () => client.post(`/v2/other/blobs/uploads/?mount=${layer.digest}&from=${repository}`),
    ],
    [
      'a manifest to be taken',
      () =>
        client.put(`${manifests}/v3`, { headers: { 'content-type': other.mediaType }, body: other.bytes }),
    ],
    ['a tag to be deleted', () => client.delete(`${manifests}/v1`)],
    ['a manifest to be deleted', () => client.delete(`${manifests}/${image.digest}`)],
    ['a blob to be deleted', () => client.delete(`${blobs}/${layer.digest}`)],
  ];

  for (const [what, ask] of questions) {
    it(`answers 503 when asked for ${what}, says when to come back, and shows nothing of the reason`, async () => {
      backend.trouble = 'unavailable';
      const answer = await ask();
      expectError(answer, 503, 'UNAVAILABLE');
      expect(answer.headers['retry-after']).to.match(/^[1-9]\d*$/);
      expectNoSecret(answer);
    });
  }

  it('answers HEAD the same, without a body', async () => {
    backend.trouble = 'unavailable';
    for (const path of [`${manifests}/v1`, `${manifests}/v2`, `${blobs}/${layer.digest}`]) {
      const answer = await client.head(path);
      expect([path, answer.status, answer.body.length]).to.deep.equal([path, 503, 0]);
      expect(answer.headers).to.include.keys('retry-after');
    }
  });

  it('answers 500 without a word of the reason when the driver throws what no driver may', async () => {
    backend.trouble = 'broken';
    for (const [, ask] of questions) {
      const answer = await ask();
      expectError(answer, 500, 'UNKNOWN');
      expectNoSecret(answer);
    }
  });

  it('is not ready, but alive, and ready again once the backend is well', async () => {
    expect((await client.get('/readyz')).status).to.equal(200);
    backend.trouble = 'unavailable';
    expect((await client.get('/readyz')).status).to.equal(503);
    expect((await client.get('/livez')).status).to.equal(200);
    backend.trouble = undefined;
    expect((await client.get('/readyz')).status).to.equal(200);
  });

  it('cuts an answer that has begun, so that nobody takes it for whole', async () => {
    backend.trouble = 'breaking off';
    const connection = await RawConnection.open(client.url);
    connection.head(`GET ${blobs}/${layer.digest} HTTP/1.1`);
    await connection.closed();
    expect(connection.rest).to.match(/^HTTP\/1\.1 200 /);
    expect(connection.rest.length).to.be.lessThan(layer.bytes.length);
  });

  it('has lost and changed nothing once the backend is well, and goes on by itself', async () => {
    const before = await client.get(`${manifests}/v1`);
    for (const trouble of ['unavailable', 'broken', 'full'] as const) {
      backend.trouble = trouble;
      for (const [what, ask] of questions) {
        // A full backend can still read and delete.
        if (trouble !== 'full' || !/deleted|cancelled/.test(what)) await ask();
      }
      backend.trouble = undefined;
      const after = await client.get(`${manifests}/v1`);
      expect([after.status, after.body.toString()]).to.deep.equal([200, before.body.toString()]);
      expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
      expect((await client.get(`${blobs}/${config.digest}`)).body.toString()).to.equal(
        config.bytes.toString(),
      );
      expectError(await client.get(`${manifests}/v3`), 404, 'MANIFEST_UNKNOWN');
      expectError(await client.get(`${blobs}/${digestOf('x')}`), 404, 'BLOB_UNKNOWN');
    }
    const pushed = await client.put(`${manifests}/v3`, {
      headers: { 'content-type': other.mediaType },
      body: other.bytes,
    });
    expect(pushed.status).to.equal(201);
  });
});
