import { writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { expectError } from '../oci/answers.ts';
import { bareManifest, contentOf, digestOf, imageOf, noise } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { expectNoSecret } from './disclosure.ts';
import { RegistryChild } from './registry-child.ts';
import { SmallDisk } from './small-disk.ts';

const MIB = 1024 * 1024;
const room = 32 * MIB;
/** What the registry writes besides: records, folders. */
const small = MIB / 2;
const blobs = '/v2/library/app/blobs';
const manifests = '/v2/library/app/manifests';
const config = contentOf('{"architecture":"amd64","os":"linux"}');
const layer = contentOf(noise(4 * MIB));
const image = imageOf(config, [layer]);

describe('On a disk that is full, a registry', () => {
  let disk: SmallDisk;
  let registry: RegistryChild;
  let client: HttpClient;
  /** Bytes taken once the image is there. */
  let atRest = 0;

  before(async () => {
    disk = await SmallDisk.mount(room);
    registry = await RegistryChild.start({ storage: 'filesystem', root: disk.path });
    client = new HttpClient(registry.url);
    for (const { bytes } of [config, layer]) expect((await push(bytes)).status).to.equal(201);
    expect((await putManifest('v1', image)).status).to.equal(201);
    atRest = await disk.used();
  });
  after(async () => {
    client.close();
    const code = await registry.stop();
    await disk.unmount();
    expect(code).to.equal(0);
  });
  afterEach(async () => {
    // Whatever went wrong meanwhile: what was there is there, whole.
    expect(digestOf((await client.get(`${manifests}/v1`)).body)).to.equal(image.digest);
    expect(digestOf((await client.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
    expect(await disk.count('tmp')).to.equal(0);
  });

  const push = (bytes: Buffer): Promise<Answer> =>
    client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
  const begin = async (): Promise<string> =>
    String((await client.post(`${blobs}/uploads/`)).headers.location);
  const putManifest = (tag: string, { bytes, mediaType }: typeof image): Promise<Answer> =>
    client.put(`${manifests}/${tag}`, { headers: { 'content-type': mediaType }, body: bytes });
  const isFull = (answer: Answer): void => {
    expectError(answer, 507, 'INSUFFICIENT_STORAGE');
    expectNoSecret(answer);
  };
  const isAtRest = async (): Promise<void> => {
    expect(await disk.count('uploads')).to.equal(0);
    // The file system takes a moment to free what has no name any more.
    while ((await disk.used()) - atRest > small) await setTimeout(10);
  };

  it('refuses a blob that does not fit, and has its space back at once', async () => {
    isFull(await push(noise(room)));
    await isAtRest();
  });

  it('refuses an upload that does not fit, in one chunk or with its last, and has its space back at once', async () => {
    const large = noise(room);
    const upload = await begin();
    isFull(await client.patch(upload, { body: large }));
    await isAtRest();
    expect((await client.get(upload)).headers.range).to.equal('0-0');
    isFull(await client.put(`${upload}?digest=${digestOf(large)}`, { body: large }));
    await isAtRest();
    expect((await client.put(`${upload}?digest=${layer.digest}`, { body: layer.bytes })).status).to.equal(
      201,
    );
    await isAtRest();
  });

  it('keeps the chunks it has acknowledged, goes on with them when there is room, and gives their space back', async () => {
    const large = noise(24 * MIB, 3);
    const filling = join(disk.path, 'filling');
    const upload = await begin();
    expect((await client.patch(upload, { body: large.subarray(0, 12 * MIB) })).status).to.equal(202);
    await writeFile(filling, Buffer.alloc(12 * MIB));
    isFull(await client.patch(upload, { body: large.subarray(12 * MIB) }));
    await rm(filling);

    const status = await client.get(upload);
    expect(status.status).to.equal(204);
    const offset = Number(/^0-(\d+)$/.exec(String(status.headers.range))?.[1]) + 1;
    expect(offset).to.be.within(12 * MIB, large.length);
    const rest = await client.patch(upload, { body: large.subarray(offset) });
    expect([rest.status, rest.headers.range]).to.deep.equal([202, `0-${large.length - 1}`]);
    expect((await client.delete(upload)).status).to.equal(204);
    await isAtRest();
  });

  it('cancels an upload and deletes content while there is no room for a byte', async () => {
    const filling = join(disk.path, 'filling');
    const doomed = noise(2 * MIB, 5);
    expect((await push(doomed)).status).to.equal(201);
    const upload = await begin();
    expect((await client.patch(upload, { body: noise(4 * MIB, 4) })).status).to.equal(202);
    await fill(filling);
    const { mediaType, bytes } = bareManifest('full');
    isFull(await client.put(`${manifests}/v2`, { headers: { 'content-type': mediaType }, body: bytes }));
    isFull(await push(noise(1000, 9)));
    expectError(await client.get(`${manifests}/v2`), 404, 'MANIFEST_UNKNOWN');
    expect((await client.delete(`${blobs}/${digestOf(doomed)}`)).status).to.equal(202);
    expect((await client.delete(upload)).status).to.equal(204);
    expect((await client.get('/readyz')).status).to.equal(200);
    expect((await push(noise(3 * MIB, 6))).status).to.equal(201);
    await rm(filling);
  });

  it('has refused a hundred pushes at once and is none the worse', async () => {
    const before = await registry.descriptors();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => push(noise(MIB, 100 + index))),
    );
    for (const answer of answers) {
      if (answer.status === 507) expectNoSecret(answer);
      else expect(answer.status).to.equal(201);
    }
    expect(answers.filter(({ status }) => status === 507).length).to.be.greaterThan(50);
    expect(await disk.count('uploads')).to.equal(0);
    expect((await registry.descriptors()) - before).to.be.lessThan(110);
    for (const [index, { status }] of answers.entries()) {
      const digest = digestOf(noise(MIB, 100 + index));
      expect((await client.head(`${blobs}/${digest}`)).status).to.equal(status === 201 ? 200 : 404);
    }
  });

  /** Takes all the room there is. */
  async function fill(path: string): Promise<void> {
    for (const size of [MIB, 4096]) {
      for (let index = 0; ; index += 1) {
        try {
          await writeFile(path, Buffer.alloc(size), { flag: 'a' });
        } catch (error) {
          expect(error).to.include({ code: 'ENOSPC' });
          break;
        }
      }
    }
  }
});
