import { createRegistry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { expectError } from '../oci/answers.ts';
import { contentOf, digestOf, noise } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { expectNoSecret } from './disclosure.ts';
import { Backend } from './troubled-driver.ts';

const blobs = '/v2/library/app/blobs';
const manifests = '/v2/library/app/manifests';
const layer = contentOf(noise(3_000_000));

describe('While its backend hangs, a registry', () => {
  it('answers 503 and never 404, is not ready, and is well by itself when the backend is', async () => {
    const backend = new Backend();
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), backend.plugin],
    });
    const client = new HttpClient((await registry.start()).url);
    const push = (): Promise<Answer> =>
      client.post(`${blobs}/uploads/?digest=${layer.digest}`, { body: layer.bytes });
    expect((await push()).status).to.equal(201);
    const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    expect((await client.patch(upload, { body: 'hello' })).status).to.equal(202);

    backend.trouble = 'hanging';
    const ask = (): Promise<Answer[]> =>
      Promise.all([
        client.get(`${blobs}/${layer.digest}`),
        client.get(`${blobs}/${digestOf('absent')}`),
        client.get(`${manifests}/absent`),
        client.get('/v2/nobody/tags/list'),
        client.get('/v2/_catalog'),
        client.patch(upload, { body: 'world' }),
        push(),
      ]);
    // The first are waited for; once the backend is known to be dead, the next are not waited for as long.
    for (const answers of [await ask(), await ask()]) {
      for (const answer of answers) {
        expectError(answer, 503, 'UNAVAILABLE');
        expect(answer.headers['retry-after']).to.match(/^[1-9]\d*$/);
        expectNoSecret(answer);
      }
    }
    expect((await client.get('/livez')).status).to.equal(200);
    expect((await client.get('/readyz')).status).to.equal(503);

    backend.trouble = undefined;
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    expectError(await client.get(`${blobs}/${digestOf('absent')}`), 404, 'BLOB_UNKNOWN');
    expect((await push()).status).to.equal(201);
    client.close();
    await registry.stop();
  });
});
