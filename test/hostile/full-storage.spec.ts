import { createRegistry, type Registry } from '@entrepot/core';
import { expect } from 'chai';
import { isStorageError } from '@entrepot/plugin-sdk';
import storageMemory, { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { createStore } from '../../core/src/store/index.ts';
import { expectError } from '../oci/answers.ts';
import { bareManifest, contentOf, digestOf, noise } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { expectNoSecret } from './disclosure.ts';
import { Backend } from './troubled-driver.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const manifests = '/v2/library/app/manifests';

describe('While its storage is full, a registry', () => {
  const backend = new Backend();
  const running: Registry[] = [];
  let client: HttpClient;

  /** With room for 8 MiB. */
  beforeEach(async () => {
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory({ maxBytes: 8 * MIB }), backend.plugin],
    });
    running.push(registry);
    client = new HttpClient((await registry.start()).url);
  });
  afterEach(async () => {
    backend.trouble = undefined;
    client.close();
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
  });

  const begin = async (): Promise<string> =>
    String((await client.post(`${blobs}/uploads/`)).headers.location);
  const push = (bytes: Buffer) => client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
  const layer = contentOf(noise(3 * MIB));

  it('refuses pushes with 507, goes on with pulls, and is ready, for pulls are work', async () => {
    expect((await push(layer.bytes)).status).to.equal(201);
    const upload = await begin();
    const large = noise(7 * MIB, 7);
    backend.trouble = 'full';
    const { mediaType, bytes } = bareManifest('full');
    const answers = [
      await push(large),
      await client.patch(upload, { body: large }),
      await client.put(`${upload}?digest=${digestOf(large)}`, { body: large }),
      await client.put(`${manifests}/v1`, { headers: { 'content-type': mediaType }, body: bytes }),
    ];
    for (const answer of answers) {
      expectError(answer, 507, 'INSUFFICIENT_STORAGE');
      expectNoSecret(answer);
    }
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    expect((await client.get('/readyz')).status).to.equal(200);
  });

  it('takes what it refused when there is space again, in the same upload', async () => {
    const { bytes, digest } = layer;
    const upload = await begin();
    expect((await client.patch(upload, { body: bytes.subarray(0, MIB) })).status).to.equal(202);
    backend.trouble = 'full';
    expectError(await client.patch(upload, { body: bytes.subarray(MIB) }), 507, 'INSUFFICIENT_STORAGE');
    backend.trouble = undefined;
    const status = await client.get(upload);
    expect([status.status, status.headers.range]).to.deep.equal([204, `0-${MIB - 1}`]);
    expect((await client.patch(upload, { body: bytes.subarray(MIB) })).status).to.equal(202);
    expect((await client.put(`${upload}?digest=${digest}`)).status).to.equal(201);
    expect(digestOf((await client.get(`${blobs}/${digest}`)).body)).to.equal(digest);
  });

  it('gives back what a push has taken that did not fit: whole, in one chunk, or in several', async () => {
    const large = noise(9 * MIB);
    expectError(await push(large), 507, 'INSUFFICIENT_STORAGE');
    const upload = await begin();
    expectError(await client.patch(upload, { body: large }), 507, 'INSUFFICIENT_STORAGE');
    expect((await client.get(upload)).headers.range).to.equal('0-0');
    expectError(
      await client.put(`${upload}?digest=${digestOf(large)}`, { body: large }),
      507,
      'INSUFFICIENT_STORAGE',
    );
    expect((await push(noise(7 * MIB, 2))).status).to.equal(201);
  });

  it('cancels uploads and has their space for others', async () => {
    const upload = await begin();
    expect((await client.patch(upload, { body: noise(6 * MIB) })).status).to.equal(202);
    expectError(await push(layer.bytes), 507, 'INSUFFICIENT_STORAGE');
    expect((await client.delete(upload)).status).to.equal(204);
    expectError(await client.get(upload), 404, 'BLOB_UPLOAD_UNKNOWN');
    expect((await push(noise(7 * MIB, 2))).status).to.equal(201);
  });

  it('cancels an upload although there is no room to note it: its bytes are gone', async () => {
    const upload = await begin();
    expect((await client.patch(upload, { body: noise(6 * MIB) })).status).to.equal(202);
    backend.trouble = 'full';
    expect((await client.delete(upload)).status).to.equal(204);
    backend.trouble = undefined;
    expect((await client.get(upload)).headers.range).to.not.equal(`0-${6 * MIB - 1}`);
    expect((await push(noise(7 * MIB, 2))).status).to.equal(201);
  });
});

describe('An upload that nobody goes on with', () => {
  it('gives its space back when it has expired', async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const { uploads } = createStore(new MemoryDriver(new Memory(8 * MIB)), {
      log,
      uploads: { maxAge: -1, maxConcurrent: 10 },
      manifestCacheBytes: MIB,
      blobCacheBytes: MIB,
    });
    const bytes = noise(6 * MIB);
    const { id } = await uploads.begin('library/app', 'sha512');
    await uploads.append('library/app', id, { body: pieces(bytes) });
    const push = () => uploads.put('library/app', digestOf(bytes), { body: pieces(bytes) });
    expect(isStorageError(await push().catch((error: unknown) => error), 'NO_SPACE')).to.equal(true);
    expect(await uploads.expire()).to.equal(1);
    expect((await push()).size).to.equal(bytes.length);
  });
});

/** The store keeps what it is given: each piece is a copy. */
async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield new Uint8Array(bytes.subarray(at, at + 65_536));
}
