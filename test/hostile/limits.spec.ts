import { createRegistry, type Registry, type RegistryConfig } from '@entrepot/core';
import { expect } from 'chai';
import storageMemory from '@entrepot/storage-memory';
import { expectError, jsonOf } from '../oci/answers.ts';
import { bareManifest, digestOf, manifestOf, noise, types } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { RawConnection } from '../oci/raw-connection.ts';
import { Backend } from './troubled-driver.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const manifests = '/v2/library/app/manifests';

describe('What a client may ask of a registry is limited:', () => {
  const backend = new Backend();
  const running: Registry[] = [];
  const clients: HttpClient[] = [];
  const opened: RawConnection[] = [];
  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.destroy();
    for (const client of clients.splice(0)) client.close();
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
  });

  async function serve(config: RegistryConfig = {}): Promise<HttpClient> {
    const registry = await createRegistry({
      log: { level: 'silent' },
      ...config,
      http: { port: 0, ...config.http },
      plugins: [storageMemory(), backend.plugin],
    });
    running.push(registry);
    const client = new HttpClient((await registry.start()).url);
    clients.push(client);
    return client;
  }
  async function connect({ url }: HttpClient): Promise<RawConnection> {
    const connection = await RawConnection.open(url);
    opened.push(connection);
    return connection;
  }
  const put = (client: HttpClient, reference: string, bytes: Buffer | string): Promise<Answer> =>
    client.put(`${manifests}/${reference}`, { headers: { 'content-type': types.manifest }, body: bytes });

  it('the uploads whose bytes it receives at once; who comes next is told when to come back, and then may', async () => {
    const client = await serve({ uploads: { maxConcurrent: 2 } });
    const slow = await Promise.all(
      [1, 2].map(async () => {
        const connection = await connect(client);
        const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
        connection.head(`PATCH ${upload} HTTP/1.1`, 'Content-Length: 10', 'Expect: 100-continue');
        expect((await connection.answer()).status).to.equal(100);
        return connection;
      }),
    );
    const bytes = noise(1000);
    const push = (): Promise<Answer> =>
      client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
    for (let time = 0; time < 3; time += 1) {
      const refused = await push();
      expectError(refused, 429, 'TOOMANYREQUESTS');
      expect(refused.headers['retry-after']).to.match(/^[1-9]\d*$/);
    }
    expect((await client.get('/v2/_catalog')).status).to.equal(200);
    slow[0]?.send('0123456789');
    expect((await slow[0]?.answer())?.status).to.equal(202);
    expect((await push()).status).to.equal(201);
  });

  it('the uploads it receives at once, and those whose clients went away are none', async () => {
    const client = await serve({ uploads: { maxConcurrent: 2 } });
    for (let time = 0; time < 5; time += 1) {
      const connection = await connect(client);
      const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
      connection.head(`PATCH ${upload} HTTP/1.1`, 'Content-Length: 10', 'Expect: 100-continue');
      expect((await connection.answer()).status).to.equal(100);
      connection.destroy();
    }
    const bytes = noise(1000);
    let answer: Answer;
    do answer = await client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
    while (answer.status === 429);
    expect(answer.status).to.equal(201);
  });

  it('the memory for manifests that arrive; who comes next is told when to come back, and then may', async () => {
    const client = await serve({ manifests: { maxBytes: 15 * MIB } });
    const slow: RawConnection[] = [];
    for (let index = 0; index < 9; index += 1) {
      const connection = await connect(client);
      connection.head(
        `PUT ${manifests}/slow HTTP/1.1`,
        `Content-Type: ${types.manifest}`,
        `Content-Length: ${15 * MIB}`,
      );
      slow.push(connection);
    }
    await Promise.all(slow.map((connection) => connection.deliver(Buffer.alloc(15 * MIB - 1))));
    const { bytes } = bareManifest('next');
    const large = Buffer.concat([bytes, Buffer.alloc(15 * MIB - bytes.length, ' ')]);
    let refused = await put(client, 'next', large);
    while (refused.status === 201) refused = await put(client, 'next', large);
    expectError(refused, 429, 'TOOMANYREQUESTS');
    expect(refused.headers['retry-after']).to.match(/^[1-9]\d*$/);
    for (const connection of slow) connection.destroy();
    let answer = await put(client, 'next', large);
    while (answer.status === 429) answer = await put(client, 'next', large);
    expect(answer.status).to.equal(201);
  });

  it('how deep manifests nest: 100 arrays and objects, and a million brackets are refused like 101', async () => {
    const client = await serve();
    const nested = (depth: number, open: string, close: string): string =>
      `{"schemaVersion":2,"layers":[],"x":${open.repeat(depth)}${close.repeat(depth)}}`;
    expect((await put(client, 'deep', nested(99, '[', ']'))).status).to.equal(201);
    for (const manifest of [
      nested(100, '[', ']'),
      nested(1_000_000, '[', ']'),
      `{"schemaVersion":2,"layers":[],"x":${'['.repeat(1_000_000)}`,
      `{"schemaVersion":2,"layers":[],"x":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}`,
      '['.repeat(4 * MIB),
    ]) {
      expectError(await put(client, 'deep', manifest), 400, 'MANIFEST_INVALID');
    }
  });

  it('how many missing layers it looks for, and names', async () => {
    const client = await serve();
    const layer = (index: number): object => ({
      mediaType: types.layer,
      digest: digestOf(`layer ${index}`),
      size: 1,
    });
    const { bytes } = manifestOf({
      schemaVersion: 2,
      layers: Array.from({ length: 20_000 }, (_, index) => layer(index)),
    });
    backend.calls = 0;
    const answer = await put(client, 'many', bytes);
    const { errors } = jsonOf(answer);
    expect(errors).to.be.an('array').with.lengthOf.within(1, 200);
    expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
    expect(backend.calls).to.be.lessThan(1000);
  });

  it('how many tags one push sets', async () => {
    const client = await serve();
    const { bytes, digest } = bareManifest('tags');
    const query = (count: number): string =>
      Array.from({ length: count }, (_, index) => `tag=v${index}`).join('&');
    expectError(await put(client, `${digest}?${query(101)}`, bytes), 400, 'UNSUPPORTED');
    expect((await put(client, `${digest}?${query(100)}`, bytes)).status).to.equal(201);
    expect(jsonOf(await client.get('/v2/library/app/tags/list'))['tags']).to.have.lengthOf(100);
  });

  it('how many parameters a query can have, by the length of the request line alone', async () => {
    const client = await serve();
    const answer = await client.get(`/v2/_catalog?${'&'.repeat(15_000)}`);
    expect(answer.status).to.equal(200);
    expectError(await client.get(`/v2/_catalog?${'n=1&'.repeat(3_000)}`), 400, 'UNSUPPORTED');
  });

  it('how large a page may be asked for', async () => {
    const client = await serve({ lists: { maxPageSize: 5 } });
    const { bytes, digest } = bareManifest('pages');
    await put(
      client,
      `${digest}?${Array.from({ length: 9 }, (_, index) => `tag=v${index}`).join('&')}`,
      bytes,
    );
    for (const n of ['', '?n=6', '?n=999999999999999', `?n=${'9'.repeat(400)}`]) {
      const page = await client.get(`/v2/library/app/tags/list${n}`);
      expect(jsonOf(page)['tags']).to.have.lengthOf(5);
      expect(page.headers.link).to.match(/n=5&last=v4/);
    }
  });
});
