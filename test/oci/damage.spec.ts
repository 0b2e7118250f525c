import { expect } from 'chai';
import { expectEmpty, expectError, namesOf } from './answers.ts';
import { digestOf, noise, type Content } from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, pushBlob, pushImage, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';
import { keysIn } from './storage-view.ts';

/** What can happen to an object behind the registry's back. */
const accidents: Readonly<Record<string, (registry: ServedRegistry, key: string) => Promise<unknown>>> = {
  'is lost': ({ driver }, key) => driver.delete(key),
  'is emptied': ({ driver }, key) => driver.write(key, Buffer.alloc(0)),
  'is cut short': async ({ driver }, key) => {
    const { bytes = Buffer.alloc(2) } = (await driver.read(key)) ?? {};
    await driver.write(key, bytes.slice(0, bytes.length >> 1));
  },
  'has grown': async ({ driver }, key) => {
    const { bytes = Buffer.alloc(0) } = (await driver.read(key)) ?? {};
    await driver.write(key, Buffer.concat([bytes, Buffer.from('more')]));
  },
  'is overwritten': ({ driver }, key) => driver.write(key, noise(300, 66)),
};

onEachStorage('Damage', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  before(async () => {
    registry = await serve();
  });
  beforeEach(() => {
    repository = registry.newRepository();
  });

  /** Keys under `prefix` that appear while `work` is done. */
  async function keysMadeBy<Result>(
    prefix: string,
    work: () => Promise<Result>,
  ): Promise<{ readonly keys: string[]; readonly result: Result }> {
    const before = new Set(await keysIn(registry.driver, prefix));
    const result = await work();
    const keys = (await keysIn(registry.driver, prefix)).filter((key) => !before.has(key));
    return { keys, result };
  }
  const ask = (method: string, { digest }: Content): Promise<Answer> =>
    registry.ask(method, `/v2/${repository}/blobs/${digest}`);

  for (const [what, happen] of Object.entries(accidents)) {
    describe(`when the bytes of a blob are damaged: an object that ${what}`, () => {
      for (const [size, prefix] of [
        [1000, 'blobs/'],
        [50_000, 'data/'],
        [2_000_000, 'data/'],
      ] as const) {
        it(`of ${size} bytes: it counts as absent, and the next push heals it`, async () => {
          const bytes = noise(size, size + what.length);
          const { keys, result: blob } = await keysMadeBy(prefix, () =>
            pushBlob(registry, repository, bytes),
          );
          expect(keys).to.have.lengthOf(1);
          for (const key of keys) await happen(registry, key);
          expectEmpty(await ask('HEAD', blob), 404);
          expectError(await ask('GET', blob), 404, 'BLOB_UNKNOWN');
          const image = { layers: [{ digest: blob.digest, size }] };
          const manifest = { bytes: Buffer.from(JSON.stringify(image)), mediaType: 'application/json' };
          const put = (): Promise<Answer> => putManifest(registry, repository, 'v1', manifest);
          expectError(await put(), 400, 'MANIFEST_BLOB_UNKNOWN');

          await pushBlob(registry, repository, blob);
          expectEmpty(await ask('HEAD', blob), 200);
          expect(expectStatus(await ask('GET', blob), 200).body.equals(bytes)).to.equal(true);
          expectStatus(await put(), 201);
        });
      }
    });
  }

  for (const size of [50_000, 2_000_000]) {
    it(`to bits of a blob of ${size} bytes is healed by the next push, in every repository that has it`, async () => {
      const bytes = noise(size, 41);
      const other = registry.newRepository();
      const { keys, result: blob } = await keysMadeBy('data/', () => pushBlob(registry, repository, bytes));
      await pushBlob(registry, other, blob);
      const [key = ''] = keys;
      const rotten = Buffer.from(bytes);
      rotten[size >> 1] = (rotten[size >> 1] ?? 0) ^ 1;
      await registry.driver.write(key, rotten);
      await pushBlob(registry, repository, blob);
      for (const name of [repository, other]) {
        const answer = expectStatus(await registry.get(`/v2/${name}/blobs/${blob.digest}`), 200);
        expect(answer.body.equals(bytes)).to.equal(true);
      }
    });
  }

  for (const [what, happen] of Object.entries(accidents)) {
    it(`to a manifest that ${what} makes it unknown under its digest, and the next push heals it`, async () => {
      const prefix = `repos/${repository.replaceAll('/', '~')}/manifests/`;
      const { keys, result } = await keysMadeBy(prefix, () => pushImage(registry, repository, 'v1'));
      const { manifest } = result;
      for (const key of keys) await happen(registry, key);
      const path = `/v2/${repository}/manifests/${manifest.digest}`;
      expectError(await registry.get(path), 404, 'MANIFEST_UNKNOWN');
      expectEmpty(await registry.head(path), 404);
      await pushManifest(registry, repository, manifest, 'v1');
      for (const reference of ['v1', manifest.digest]) {
        const answer = expectStatus(await registry.get(`/v2/${repository}/manifests/${reference}`), 200);
        expect(digestOf(answer.body)).to.equal(manifest.digest);
      }
    });

    it(`to the record of a tag that ${what} hurts no other tag, and setting the tag heals it`, async () => {
      const prefix = `repos/${repository.replaceAll('/', '~')}/tags/`;
      await pushImage(registry, repository, 'before');
      const { keys, result } = await keysMadeBy(prefix, () => pushImage(registry, repository, 'hurt'));
      for (const key of keys) await happen(registry, key);
      const path = `/v2/${repository}/manifests/hurt`;
      const answer = await registry.get(path);
      expect(answer.status).to.be.oneOf([200, 404]);
      if (answer.status === 200) expect(answer.body.equals(result.manifest.bytes)).to.equal(true);
      expectStatus(await registry.get(`/v2/${repository}/manifests/before`), 200);
      expectStatus(await registry.get(`/v2/${repository}/tags/list`), 200);
      await pushManifest(registry, repository, result.manifest, 'hurt');
      expectStatus(await registry.get(path), 200);
      const tags = namesOf(await registry.get(`/v2/${repository}/tags/list`), 'tags');
      expect(tags).to.deep.equal(['before', 'hurt']);
    });
  }
});
