import { setTimeout as pause } from 'node:timers/promises';
import { createRegistry, type Registry } from '@entrepot/core';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import quota from '@entrepot/quota';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { storageOf } from '../../core/test/verify/backends.ts';
import { begin, answerTo, ask } from '../e2e/asking.ts';
import { bareManifest, contentOf, noise, types, type Content } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { locationOf } from '../oci/pushes.ts';

const LIMIT = 100_000;

describe('Registries with a quota', () => {
  let driver: StorageDriver;
  let registries: Registry[];
  let urls: string[];

  beforeEach(async () => {
    driver = new MemoryDriver(new Memory(2 ** 26));
    registries = [];
    urls = [];
    for (let index = 0; index < 2; index += 1) {
      const registry = await createRegistry({
        http: { port: 0 },
        log: { level: 'silent' },
        gc: { enabled: false },
        plugins: [
          storageOf(driver),
          quota({ limits: [{ repositories: 'team', bytes: LIMIT }], recount: 3600, exchange: 1 }),
        ],
      });
      registries.push(registry);
      urls.push((await registry.start()).url);
    }
    for (const url of urls) await untilCounted(url);
  });
  afterEach(async () => {
    for (const registry of registries) await registry.stop();
  });

  /** Asks for more than there can be room for, until the registry knows that. */
  async function untilCounted(url: string): Promise<void> {
    const body = Buffer.alloc(LIMIT + 1);
    while ((await ask(url, 'POST', '/v2/team/any/blobs/uploads/', { body })).status !== 403) await pause(10);
  }
  /** A whole blob in one request, which says how long it is. */
  const put = (registry: number, repository: string, { bytes, digest }: Content): Promise<Answer> =>
    ask(urls[registry] ?? '', 'POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
  /** A blob in a stream that does not say how long it is. */
  async function stream(repository: string, { bytes, digest }: Content): Promise<Answer> {
    const [url = ''] = urls;
    const location = locationOf((await ask(url, 'POST', `/v2/${repository}/blobs/uploads/`)).headers);
    const asking = begin(url, 'PATCH', location);
    const answer = answerTo(asking);
    asking.write(bytes);
    asking.end();
    const next = locationOf((await answer).headers);
    return ask(url, 'PUT', `${next}?digest=${digest}`);
  }
  const layer = (number: number, length = 60_000): Content => contentOf(noise(length, number));
  const expectDenied = (answer: Answer): void => {
    expect(answer.status).to.equal(403);
    expect(answer.body.toString()).to.match(
      /"DENIED".*the quota of 'team' is 97\.7 KiB, and .* of it are taken/,
    );
  };

  it('take what there is room for, and nothing that says that it is more', async () => {
    expect((await put(0, 'team/app', layer(1))).status).to.equal(201);
    expectDenied(await put(0, 'team/app', layer(2)));
    expectDenied(await put(0, 'team', layer(2)));
    expect((await put(0, 'teams', layer(2))).status).to.equal(201);
    expect((await put(0, 'team/app', layer(3, 30_000))).status).to.equal(201);
  });

  it('take to its end what does not say how long it is, and then nothing more but questions and deletions', async () => {
    const big = layer(1, 150_000);
    expect((await stream('team/app', big)).status).to.equal(201);
    const [url = ''] = urls;
    expectDenied(await ask(url, 'POST', '/v2/team/other/blobs/uploads/'));
    expectDenied(await ask(url, 'POST', `/v2/team/b/blobs/uploads/?mount=${big.digest}&from=team/app`));
    const manifest = bareManifest('full');
    const headers = { 'content-type': types.manifest };
    expectDenied(await ask(url, 'PUT', '/v2/team/app/manifests/v1', { headers, body: manifest.bytes }));
    expect((await ask(url, 'HEAD', `/v2/team/app/blobs/${big.digest}`)).status).to.equal(200);
    expect((await ask(url, 'DELETE', `/v2/team/app/blobs/${big.digest}`)).status).to.equal(202);
  });

  it('know of each other what they have accepted once they have talked', async () => {
    expect((await put(0, 'team/app', layer(1, 99_999))).status).to.equal(201);
    let answer: Answer;
    let number = 1;
    do {
      number += 1;
      answer = await put(1, 'team/app', layer(number, 2));
      await pause(10);
    } while (answer.status === 201);
    expectDenied(answer);
  });

  it('count anew what others have left, when they start', async () => {
    expect((await put(0, 'team/app', layer(1))).status).to.equal(201);
    for (const registry of registries) await registry.stop();
    for (const key of (await driver.list('quota/', { limit: 10 })).keys) await driver.delete(key);
    const again = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageOf(driver), quota({ limits: [{ repositories: 'team', bytes: LIMIT }], exchange: 1 })],
    });
    registries = [again];
    urls = [(await again.start()).url];
    await untilCounted(urls[0] ?? '');
    expectDenied(await put(0, 'team/app', layer(2, 50_000)));
  });
});
