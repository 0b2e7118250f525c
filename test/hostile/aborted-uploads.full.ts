import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { digestOf, noise } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RegistryChild } from './registry-child.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const piece = noise(20_000);
const AT_ONCE = 16;

describe('Clients that go away in the middle of their uploads', () => {
  let registry: RegistryChild;
  let client: HttpClient;
  before(async () => {
    registry = await RegistryChild.start({ storage: 'filesystem' });
    client = new HttpClient(registry.url);
  });
  after(async () => {
    client.close();
    const code = await registry.stop();
    expect(code).to.equal(0);
    expect(registry.complaints).to.deep.equal([]);
  });

  const filesIn = async (folder: string): Promise<number> =>
    (await readdir(join(registry.folder, 'storage', folder))).length;
  const begin = async (): Promise<string> =>
    String((await client.post(`${blobs}/uploads/`)).headers.location);

  it('cost neither memory nor descriptors nor space, 10,000 of them', async () => {
    const uploads: string[] = [];
    // A heap grows to the size that suits the load, and caches fill, before either says anything of leaks.
    await abort(15_000, uploads);
    await settled();
    const before = { memory: await registry.memory('VmRSS'), descriptors: await registry.descriptors() };
    await abort(10_000, uploads);
    await settled();
    const grown = (await registry.memory('VmRSS')) - before.memory;
    process.stdout.write(
      `      ${Math.round(grown / MIB)} MiB more than ${Math.round(before.memory / MIB)} MiB\n`,
    );
    expect(grown).to.be.lessThan(48 * MIB);
    expect(await registry.descriptors()).to.be.at.most(before.descriptors + 8);
    expect(await filesIn('tmp')).to.equal(0);

    // What is left is what clients may still go on with: no more than they have sent, and gone once they cancel.
    expect(await filesIn('uploads')).to.be.at.most(uploads.length);
    await eachOf(uploads, async (upload) => {
      expect((await client.delete(upload)).status).to.equal(204);
    });
    expect(await filesIn('uploads')).to.equal(0);
    const whole = await client.post(`${blobs}/uploads/?digest=${digestOf(piece)}`, { body: piece });
    expect(whole.status).to.equal(201);
  }).timeout(900_000);

  /** Begins so many uploads and breaks each off: half of them whole blobs, half of them chunks of sessions. */
  async function abort(count: number, uploads: string[]): Promise<void> {
    await eachOf(Array.from({ length: count }).keys(), async (index) => {
      const isChunk = index % 2 === 0;
      const upload = isChunk ? await begin() : `${blobs}/uploads/?digest=${digestOf('never whole')}`;
      if (isChunk) uploads.push(upload);
      await breakOff(
        `${isChunk ? 'PATCH' : 'POST'} ${upload} HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIB}\r\n\r\n`,
      );
    });
  }

  /** Sends the head and a piece of the body, and breaks off once they are on their way. */
  function breakOff(head: string): Promise<void> {
    const { hostname, port } = new URL(registry.url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('error', reject).on('close', () => resolve());
      socket.write(head);
      socket.write(piece, () => socket.destroy());
    });
  }

  /** Waits until no upload is being received any more: the registry has only so much to do for those that broke off. */
  async function settled(): Promise<void> {
    // Files of uploads stay open for 30 s after their last use.
    await setTimeout(65_000);
  }
});

async function eachOf<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
