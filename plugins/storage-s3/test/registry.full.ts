import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, type Registry } from '@entrepot/core';
import storageS3 from '@entrepot/storage-s3';
import { expect } from 'chai';
import { client, type Client } from '../../../test/clients/client.ts';
import { createContainerStorage } from '../../../test/clients/container-storage.ts';
import { reachableDigests, writeImageLayout, type ImageLayout } from '../../../test/clients/image-layout.ts';
import { startFaultProxy, type FaultProxy } from '../../../test/servers/fault-proxy.ts';
import type { S3Server } from '../../../test/servers/s3-server.ts';
import { startVersitygw } from '../../../test/servers/versitygw.ts';
import { scratchBucket } from './scratch-bucket.ts';

const MiB = 1024 * 1024;

describe('a registry in a bucket', () => {
  let folder: string;
  let server: S3Server;
  let proxy: FaultProxy;
  let registries: Registry[];
  let layout: ImageLayout;
  let skopeo: Client;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-s3-'));
    server = await startVersitygw();
    proxy = await startFaultProxy(server.endpoint);
    const storage = { ...(await scratchBucket(server)), endpoint: proxy.endpoint, prefix: 'registry/' };
    registries = [];
    for (let replica = 0; replica < 2; replica += 1) {
      const registry = await createRegistry({
        http: { host: '127.0.0.1', port: 0 },
        log: { level: 'error' },
        plugins: [storageS3(storage)],
      });
      await registry.start();
      registries.push(registry);
    }
    layout = await writeImageLayout(join(folder, 'layout'), 'bucket');
    skopeo = client('skopeo', folder, await createContainerStorage(folder, host(0)));
  });
  after(async () => {
    for (const registry of registries) await registry.stop();
    await proxy.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const host = (replica: number): string => `127.0.0.1:${registries[replica]?.address?.port ?? 0}`;
  const api = (replica: number, path: string): string => `http://${host(replica)}/v2/${path}`;

  it('takes an index from skopeo and gives it back from another replica, without a list of keys', async () => {
    proxy.seen.length = 0;
    await skopeo(
      'copy',
      '--all',
      '--dest-tls-verify=false',
      `oci:${layout.folder}:index`,
      `docker://${host(0)}/app:1`,
    );
    const pulled = join(folder, 'pulled');
    await skopeo(
      'copy',
      '--all',
      '--src-tls-verify=false',
      `docker://${host(1)}/app:1`,
      `oci:${pulled}:index`,
    );
    expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
      await reachableDigests(layout.folder, layout.index),
    );
    expect(proxy.seen).to.not.be.empty;
    expect(proxy.seen.filter(({ url }) => url.includes('list-type'))).to.deep.equal([]);
    expect(proxy.seen.filter(({ url }) => !url.includes('/registry/'))).to.deep.equal([]);
  });

  it('goes on with an upload on another replica: parts of the one, the rest and the end of the other', async () => {
    const bytes = Buffer.alloc(21 * MiB, 'layer');
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    let response = await fetch(api(0, 'large/blobs/uploads/'), { method: 'POST' });
    let offset = 0;
    for (const [replica, end] of [
      [1, 9 * MiB],
      [0, 21 * MiB],
    ] as const) {
      response = await fetch(api(replica, pathOf(response)), {
        method: 'PATCH',
        body: bytes.subarray(offset, end),
        headers: { 'content-range': `${offset}-${end - 1}` },
      });
      expect(response.status).to.equal(202);
      offset = end;
    }
    response = await fetch(api(1, `${pathOf(response)}?digest=${digest}`), { method: 'PUT' });
    expect(response.status).to.equal(201);
    const range = { headers: { range: `bytes=${9 * MiB - 2}-${9 * MiB + 1}` } };
    const part = await fetch(api(0, `large/blobs/${digest}`), range);
    expect(part.status).to.equal(206);
    expect(Buffer.from(await part.arrayBuffer())).to.deep.equal(bytes.subarray(9 * MiB - 2, 9 * MiB + 2));
    const whole = await fetch(api(0, `large/blobs/${digest}`));
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), bytes)).to.equal(0);
  });

  it('is unready and answers 503, never 404, while the bucket cannot be reached', async () => {
    const tag = api(0, 'app/manifests/1');
    expect((await fetch(tag)).status).to.equal(200);
    const gone = { kind: 'answer', status: 404, body: 'no such host' } as const;
    proxy.inject(gone, { times: 3 });
    const [pull, missing, ready] = [
      await fetch(tag),
      await fetch(api(0, 'app/manifests/none')),
      await fetch(`http://${host(0)}/readyz`),
    ];
    expect([pull.status, missing.status, ready.status]).to.deep.equal([503, 503, 503]);
    expect(pull.headers.get('retry-after')).to.be.a('string');
    expect((await fetch(tag)).status).to.equal(200);
    expect((await fetch(api(0, 'app/manifests/none'))).status).to.equal(404);
  });
});

/** The path of an upload under /v2/, whichever replica named it. */
function pathOf(response: Response): string {
  const { pathname } = new URL(response.headers.get('location') ?? '', 'http://any');
  return pathname.slice('/v2/'.length);
}
