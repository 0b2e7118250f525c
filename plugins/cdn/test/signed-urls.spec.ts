import { createRegistry, type Registry } from '@entrepot/core';
import { createHash } from 'node:crypto';
import { definePlugin, OptionsError, type StorageDriver } from '@entrepot/plugin-sdk';
import cdn from '@entrepot/cdn';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { CloudFront } from '../src/cloud-front.ts';
import { Rewriting } from '../src/rewriting.ts';
import { Distribution } from './distribution.ts';

const network = 'https://cdn.example/registry';
const options = { expires: 600 };

describe('URLs of CloudFront', () => {
  let distribution: Distribution;
  before(async () => {
    distribution = await Distribution.start();
  });
  after(() => distribution.stop());

  it('are those of the object under the given URL, with a signature for it', async () => {
    for (const given of [network, `${network}/`]) {
      const url = (await new CloudFront(given, distribution.key).signUrlFor()('data/one', options)) ?? '';
      expect(url.slice(0, url.indexOf('?'))).to.equal(`${network}/data/one`);
      expect(distribution.allows(url)).to.equal(true);
      expect(distribution.allows(url.replace('data/one', 'data/two'))).to.equal(false);
    }
  });

  it('end when they were asked to', async () => {
    const began = Math.floor(Date.now() / 1000);
    const url = (await new CloudFront(network, distribution.key).signUrlFor()('data/one', options)) ?? '';
    const expires = Number(new URL(url).searchParams.get('Expires'));
    expect(expires).to.be.within(began + 600, Math.ceil(Date.now() / 1000) + 600);
  });

  it('need a key that is one; the message does not repeat what was given', () => {
    for (const privateKey of ['secret', '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----']) {
      let error: unknown;
      try {
        new CloudFront(network, { keyPairId: 'K', privateKey });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.instanceOf(OptionsError);
      expect(String(error)).to.not.include('secret');
    }
  });

  it('are what clients of a registry are redirected to', async () => {
    const memory = new MemoryDriver(new Memory(1024 ** 3));
    const storage = definePlugin<Record<string, never>>({
      name: 'storage-shared',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup: ({ name, hooks }) => hooks.storage.tap(name, () => memory),
    });
    const registry: Registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storage(), cdn({ url: distribution.urlOf(memory), cloudFront: distribution.key })],
    });
    const { url } = await registry.start();
    try {
      const bytes = Buffer.alloc(200_000, 'layer');
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const path = `${url}/v2/app/blobs`;
      const pushed = await fetch(`${path}/uploads/?digest=${digest}`, { method: 'POST', body: bytes });
      expect(pushed.status).to.equal(201);
      const pulled = await fetch(`${path}/${digest}`);
      expect([pulled.status, pulled.redirected]).to.deep.equal([200, true]);
      expect(Buffer.from(await pulled.arrayBuffer()).equals(bytes)).to.equal(true);
      const part = await fetch(`${path}/${digest}`, { headers: { range: 'bytes=10-19' } });
      expect([part.status, await part.text()]).to.deep.equal([206, bytes.toString('utf8', 10, 20)]);
    } finally {
      await registry.stop();
    }
  });
});

describe('URLs that are rewritten', () => {
  const signing = (url: string | undefined): StorageDriver => {
    const driver: StorageDriver = new MemoryDriver(new Memory(1));
    driver.signUrl = async () => url;
    return driver;
  };

  it('keep path and query, of which the bucket checks the signature', async () => {
    const driver = signing('https://bucket.s3.amazonaws.com/data/a%2Bb?X-Amz-Signature=1&x=%20');
    for (const given of ['https://cdn.example', 'https://cdn.example/']) {
      expect(await new Rewriting(given).signUrlFor(driver)?.('a', options)).to.equal(
        'https://cdn.example/data/a%2Bb?X-Amz-Signature=1&x=%20',
      );
    }
    expect(await new Rewriting(network).signUrlFor(driver)?.('a', options)).to.match(
      /^https:\/\/cdn\.example\/registry\/data\/a%2Bb\?/,
    );
  });

  it('are none where the storage cannot sign', async () => {
    expect(await new Rewriting(network).signUrlFor(signing(undefined))?.('a', options)).to.equal(undefined);
    expect(new Rewriting(network).signUrlFor(new MemoryDriver(new Memory(1)))).to.equal(undefined);
  });

  it('hand errors of the storage on', async () => {
    const driver = signing(undefined);
    driver.signUrl = () => Promise.reject(new Error('no key'));
    const error: unknown = await new Rewriting(network)
      .signUrlFor(driver)?.('a', options)
      .catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'no key');
  });
});
