import { expect } from 'chai';
import { expectEmpty, expectError } from './answers.ts';
import { digestOf, imageOf, noise, type Content } from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, locationOf, pushBlob, pushManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

onEachStorage('A mount', (serve) => {
  let registry: ServedRegistry;
  let source: string;
  let blob: Content;
  before(async () => {
    registry = await serve();
  });
  beforeEach(async () => {
    source = registry.newRepository();
    blob = await pushBlob(registry, source, noise(100_000, Number(source.split('-').at(-1))));
  });

  const mount = (repository: string, digest: string, from?: string): Promise<Answer> => {
    const origin = from === undefined ? '' : `&from=${from}`;
    return registry.post(`/v2/${repository}/blobs/uploads/?mount=${digest}${origin}`);
  };
  const blobPath = (repository: string, digest: string): string => `/v2/${repository}/blobs/${digest}`;

  /** Expects a mount that cannot be done: an upload has been begun, and works. */
  async function expectUpload(answer: Answer, repository: string): Promise<void> {
    const upload = locationOf(expectStatus(answer, 202).headers);
    expect(upload.startsWith(`/v2/${repository}/blobs/uploads/`)).to.equal(true);
    expect(answer.headers.range).to.equal('0-0');
    const digest = digestOf('uploaded instead');
    expectStatus(await registry.put(`${upload}?digest=${digest}`, { body: 'uploaded instead' }), 201);
  }

  it('is created under the very digest that was asked for, and pulls at once', async () => {
    const target = registry.newRepository();
    const answer = expectStatus(await mount(target, blob.digest, source), 201);
    expect(answer.body.length).to.equal(0);
    expect(answer.headers).to.deep.include({
      location: blobPath(target, blob.digest),
      'docker-content-digest': blob.digest,
    });
    const pulled = expectStatus(await registry.get(locationOf(answer.headers)), 200);
    expect(pulled.body.equals(blob.bytes)).to.equal(true);
  });

  it('copies nothing', async () => {
    const page = { limit: 1000 };
    const before = await registry.driver.list('data/', page);
    expectStatus(await mount(registry.newRepository(), blob.digest, source), 201);
    expect(await registry.driver.list('data/', page)).to.deep.equal(before);
  });

  it('survives the deletion of its source, and manifests may rely on it', async () => {
    const target = registry.newRepository();
    expectStatus(await mount(target, blob.digest, source), 201);
    expectStatus(await registry.delete(blobPath(source, blob.digest)), 202);
    expectEmpty(await registry.head(blobPath(source, blob.digest)), 404);
    expectStatus(await registry.get(blobPath(target, blob.digest)), 200);
    const config = await pushBlob(registry, target, '{}');
    await pushManifest(registry, target, imageOf(config, [blob]), 'v1');
  });

  it('does not change its source', async () => {
    const target = registry.newRepository();
    expectStatus(await mount(target, blob.digest, source), 201);
    expectStatus(await registry.delete(blobPath(target, blob.digest)), 202);
    expectStatus(await registry.get(blobPath(source, blob.digest)), 200);
  });

  it('may be repeated, and may be of what the repository has already', async () => {
    const target = registry.newRepository();
    for (let time = 0; time < 2; time += 1) expectStatus(await mount(target, blob.digest, source), 201);
    expectStatus(await mount(source, blob.digest, source), 201);
  });

  it('of sha512 is one under that digest', async () => {
    const bytes = noise(30_000, 7);
    const digest = digestOf(bytes, 'sha512');
    await pushBlob(registry, source, { bytes, digest });
    const target = registry.newRepository();
    expectStatus(await mount(target, digest, source), 201);
    expect((await registry.get(blobPath(target, digest))).body.equals(bytes)).to.equal(true);
    await expectUpload(await mount(target, digestOf(bytes), source), target);
  });

  it('takes its source however it is escaped', async () => {
    for (const from of [source, encodeURIComponent(source), source.replaceAll('a', '%61')]) {
      expectStatus(await mount(registry.newRepository(), blob.digest.replace(':', '%3A'), from), 201);
    }
  });

  it('finds the blob without being told where, where everybody may read everything', async () => {
    const target = registry.newRepository();
    expectStatus(await mount(target, blob.digest), 201);
    expect((await registry.get(blobPath(target, blob.digest))).body.equals(blob.bytes)).to.equal(true);
    await expectUpload(await mount(target, digestOf('nobody has this')), target);
  });

  describe('that cannot be done begins an upload instead', () => {
    it('when the source does not have the blob', async () => {
      const target = registry.newRepository();
      await expectUpload(await mount(target, digestOf('nobody has this'), source), target);
    });

    it('when another repository than the source has the blob', async () => {
      const target = registry.newRepository();
      await expectUpload(await mount(target, blob.digest, registry.newRepository()), target);
      expectEmpty(await registry.head(blobPath(target, blob.digest)), 404);
    });

    it('when the source has lost the blob', async () => {
      expectStatus(await registry.delete(blobPath(source, blob.digest)), 202);
      const target = registry.newRepository();
      await expectUpload(await mount(target, blob.digest, source), target);
    });

    it('when the source is no name of a repository', async () => {
      const target = registry.newRepository();
      for (const from of ['', 'UPPER', '..', '%2e%2e%2fsecrets', 'a//b', '__proto__', 'a'.repeat(300)]) {
        await expectUpload(await mount(target, blob.digest, from), target);
      }
    });

    it('when the digest is none, or of an algorithm nobody knows', async () => {
      const target = registry.newRepository();
      for (const digest of ['', 'latest', 'sha256:0', `md5:${'0'.repeat(32)}`]) {
        await expectUpload(await mount(target, digest, source), target);
      }
    });

    it('when the bytes of the blob are gone or damaged, so that the client heals them', async () => {
      const { keys } = await registry.driver.list('data/', { limit: 1000 });
      const sizes = await Promise.all(keys.map((key) => registry.driver.size(key)));
      expect(sizes).to.include(100_000);
      for (const key of keys) await registry.driver.write(key, Buffer.from('short'));
      const target = registry.newRepository();
      await expectUpload(await mount(target, blob.digest, source), target);
      await expectUpload(await mount(target, blob.digest), target);
      await pushBlob(registry, target, blob);
      expectStatus(await mount(registry.newRepository(), blob.digest, source), 201);
      expect((await registry.get(blobPath(source, blob.digest))).body.equals(blob.bytes)).to.equal(true);
    });

    it('when the caller may not read the source: what exists there and what does not look alike', async () => {
      const guarded = await serve(
        {},
        plugin('auth-prefix', (hooks, name) => {
          hooks.authenticate.tap(name, ({ basic }) => (basic ? { subject: basic.username } : undefined));
          hooks.authorize.tap(name, ({ identity, access }) =>
            access.every(
              (each) => identity?.subject === 'root' || each.name.startsWith(`${identity?.subject}/`),
            ),
          );
        }),
      );
      const as = (name: string): Record<string, string> => ({
        authorization: `Basic ${Buffer.from(`${name}:x`).toString('base64')}`,
      });
      const secret = digestOf('secret');
      const push = `/v2/bob/app/blobs/uploads/?digest=${secret}`;
      expectStatus(await guarded.post(push, { headers: as('bob'), body: 'secret' }), 201);
      const asked = async (name: string, query: string): Promise<number> =>
        (await guarded.post(`/v2/alice/app/blobs/uploads/?mount=${query}`, { headers: as(name) })).status;
      expect(await asked('alice', `${secret}&from=bob/app`)).to.equal(202);
      expect(await asked('alice', `${digestOf('absent')}&from=bob/app`)).to.equal(202);
      expect(await asked('alice', secret)).to.equal(202);
      const hidden = await guarded.head(blobPath('alice/app', secret), as('alice'));
      expectEmpty(hidden, 404);
      expect(await asked('bob', `${secret}&from=bob/app`)).to.equal(403);
      expect(await asked('root', `${secret}&from=bob/app`)).to.equal(201);
      expectStatus(await guarded.get(blobPath('alice/app', secret), as('alice')), 200);
    });
  });

  it('is refused when its parameters are given twice', async () => {
    const digest = blob.digest;
    for (const query of [`mount=${digest}&mount=${digest}`, `mount=${digest}&from=a&from=b`]) {
      expectError(await registry.post(`/v2/library/app/blobs/uploads/?${query}`), 400, 'UNSUPPORTED');
    }
  });

  it('is made many times at once', async () => {
    const targets = Array.from({ length: 20 }, () => registry.newRepository());
    const answers = await Promise.all(targets.map((target) => mount(target, blob.digest, source)));
    for (const answer of answers) {
      const pulled = expectStatus(await registry.get(locationOf(expectStatus(answer, 201).headers)), 200);
      expect(pulled.body.equals(blob.bytes)).to.equal(true);
    }
  });
});
