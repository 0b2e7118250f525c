import { expect } from 'chai';
import { descriptorsOf, expectEmpty, expectError, namesOf } from './answers.ts';
import { bareManifest, descriptor, digestOf, indexOf, types } from './content.ts';
import type { Answer } from './http-client.ts';
import { beginUpload, expectStatus, pushBlob, pushImage, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const absent = digestOf('nobody has pushed this');

onEachStorage('A delete', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  before(async () => {
    registry = await serve();
  });
  beforeEach(() => {
    repository = registry.newRepository();
  });

  const manifestPath = (reference: string): string => `/v2/${repository}/manifests/${reference}`;
  const blobPath = (digest: string): string => `/v2/${repository}/blobs/${digest}`;
  const tags = async (): Promise<string[]> =>
    namesOf(await registry.get(`/v2/${repository}/tags/list`), 'tags');

  describe('of a tag', () => {
    it('takes the tag, and leaves the manifest and its other tags', async () => {
      const { manifest } = await pushImage(registry, repository, 'v1');
      await pushManifest(registry, repository, manifest, 'v2');
      const answer = await registry.delete(manifestPath('v1'));
      expectEmpty(answer, 202);
      expectError(await registry.get(manifestPath('v1')), 404, 'MANIFEST_UNKNOWN');
      for (const reference of ['v2', manifest.digest]) {
        expectStatus(await registry.get(manifestPath(reference)), 200);
      }
      expect(await tags()).to.deep.equal(['v2']);
    });

    it('that is not there is a 404, the second time as well', async () => {
      await pushManifest(registry, repository, bareManifest('x'), 'v1');
      expectError(await registry.delete(manifestPath('v2')), 404, 'MANIFEST_UNKNOWN');
      expectStatus(await registry.delete(manifestPath('v1')), 202);
      expectError(await registry.delete(manifestPath('v1')), 404, 'MANIFEST_UNKNOWN');
    });

    it('may be followed by setting it again', async () => {
      for (const name of ['first', 'second']) {
        const { digest } = await pushManifest(registry, repository, bareManifest(name), 'v1');
        expect((await registry.head(manifestPath('v1'))).headers['docker-content-digest']).to.equal(digest);
        expectStatus(await registry.delete(manifestPath('v1')), 202);
        expectEmpty(await registry.head(manifestPath('v1')), 404);
      }
    });
  });

  describe('of a manifest', () => {
    it('takes all of its tags with it, and no others', async () => {
      const { manifest } = await pushImage(registry, repository, 'v1');
      for (const tag of ['a', 'b', 'latest']) await pushManifest(registry, repository, manifest, tag);
      const other = await pushManifest(registry, repository, bareManifest('other'), 'other');
      expectEmpty(await registry.delete(manifestPath(manifest.digest)), 202);
      for (const reference of [manifest.digest, 'v1', 'a', 'b', 'latest']) {
        expectError(await registry.get(manifestPath(reference)), 404, 'MANIFEST_UNKNOWN');
        expectEmpty(await registry.head(manifestPath(reference)), 404);
      }
      expect(await tags()).to.deep.equal(['other']);
      expectStatus(await registry.get(manifestPath(other.digest)), 200);
    });

    it('leaves its blobs, the same manifest elsewhere, and an index that refers to it', async () => {
      const { manifest, layer } = await pushImage(registry, repository, 'v1');
      const index = await pushManifest(registry, repository, indexOf([manifest]), 'multi');
      const elsewhere = registry.newRepository();
      await pushImage(registry, elsewhere, 'v1');
      expectStatus(await registry.delete(manifestPath(manifest.digest)), 202);
      expectStatus(await registry.get(blobPath(layer.digest)), 200);
      expectStatus(await registry.get(manifestPath(index.digest)), 200);
      expectStatus(await registry.get(`/v2/${elsewhere}/manifests/${manifest.digest}`), 200);
    });

    it('that is not there is a 404, the second time as well', async () => {
      expectError(await registry.delete(manifestPath(absent)), 404, 'MANIFEST_UNKNOWN');
      const { digest } = await pushManifest(registry, repository, bareManifest('x'), 'v1');
      expectError(await registry.delete(manifestPath(absent)), 404, 'MANIFEST_UNKNOWN');
      expectStatus(await registry.delete(manifestPath(digest)), 202);
      expectError(await registry.delete(manifestPath(digest)), 404, 'MANIFEST_UNKNOWN');
    });

    it('may be followed by pushing it again', async () => {
      const manifest = bareManifest('back', { subject: descriptor(bareManifest('subject'), types.manifest) });
      for (let time = 0; time < 3; time += 1) {
        await pushManifest(registry, repository, manifest, 'v1');
        expectStatus(await registry.get(manifestPath('v1')), 200);
        const referrers = await registry.get(`/v2/${repository}/referrers/${bareManifest('subject').digest}`);
        expect(descriptorsOf(referrers)).to.have.lengthOf(1);
        expectStatus(await registry.delete(manifestPath(manifest.digest)), 202);
        expect(await tags()).to.deep.equal([]);
      }
    });

    it('with very many tags takes them all', async () => {
      const manifest = bareManifest('many');
      for (let round = 0; round < 3; round += 1) {
        const query = Array.from({ length: 100 }, (_, index) => `tag=t${round}-${index}`).join('&');
        expectStatus(await putManifest(registry, repository, `${manifest.digest}?${query}`, manifest), 201);
      }
      expect(await tags()).to.have.lengthOf(300);
      expectStatus(await registry.delete(manifestPath(manifest.digest)), 202);
      expect(await tags()).to.deep.equal([]);
    });

    it('while others push it leaves it whole or gone: no tag leads nowhere', async () => {
      const manifest = bareManifest('contended');
      for (let round = 0; round < 5; round += 1) {
        await Promise.all([
          ...Array.from({ length: 4 }, (_, index) =>
            putManifest(registry, repository, `t${index}`, manifest).then((answer) =>
              expectStatus(answer, 201),
            ),
          ),
          ...Array.from({ length: 2 }, () => registry.delete(manifestPath(manifest.digest))),
        ]);
        for (const tag of await tags()) expectStatus(await registry.get(manifestPath(tag)), 200);
      }
    });
  });

  describe('of a blob', () => {
    it('takes it from this repository, and from no other', async () => {
      const other = registry.newRepository();
      const { digest } = await pushBlob(registry, repository, 'shared');
      await pushBlob(registry, other, 'shared');
      const answer = await registry.delete(blobPath(digest));
      expectEmpty(answer, 202);
      expectError(await registry.get(blobPath(digest)), 404, 'BLOB_UNKNOWN');
      expectEmpty(await registry.head(blobPath(digest)), 404);
      expectStatus(await registry.get(`/v2/${other}/blobs/${digest}`), 200);
    });

    it('that is not there is a 404, the second time as well', async () => {
      expectError(await registry.delete(blobPath(absent)), 404, 'BLOB_UNKNOWN');
      const { digest } = await pushBlob(registry, repository, 'once');
      expectStatus(await registry.delete(blobPath(digest)), 202);
      expectError(await registry.delete(blobPath(digest)), 404, 'BLOB_UNKNOWN');
    });

    it('may be followed by pushing it again', async () => {
      for (const size of [10, 100_000]) {
        for (let time = 0; time < 3; time += 1) {
          const { bytes, digest } = await pushBlob(registry, repository, Buffer.alloc(size, 'x'));
          expect((await registry.get(blobPath(digest))).body.equals(bytes)).to.equal(true);
          expectStatus(await registry.delete(blobPath(digest)), 202);
          expectEmpty(await registry.head(blobPath(digest)), 404);
        }
      }
    });

    it('makes manifests that need it impossible until it is pushed again', async () => {
      const { manifest, layer } = await pushImage(registry, repository, 'v1');
      expectStatus(await registry.delete(blobPath(layer.digest)), 202);
      const answer = await putManifest(registry, repository, 'v2', manifest);
      const details = expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
      expect(details).to.deep.equal([{ digest: layer.digest }]);
      await pushBlob(registry, repository, layer);
      await pushManifest(registry, repository, manifest, 'v2');
    });
  });

  it('of what has no name is refused', async () => {
    for (const reference of ['sha256:0', 'v%201', '-x', '%C3%A9']) {
      const answer = await registry.delete(manifestPath(reference));
      expect(answer.status).to.be.oneOf([400, 404]);
    }
    expectError(await registry.delete(blobPath('sha256:0')), 400, 'DIGEST_INVALID');
  });

  describe('where deleting is switched off', () => {
    it('is a 405 for tags, manifests and blobs, there or not, and takes nothing', async () => {
      const kept = await serve({ deletes: { enabled: false } });
      const name = kept.newRepository();
      const { manifest, layer } = await pushImage(kept, name, 'v1');
      const paths = [
        `/v2/${name}/manifests/v1`,
        `/v2/${name}/manifests/${manifest.digest}`,
        `/v2/${name}/blobs/${layer.digest}`,
      ];
      for (const path of [...paths, `/v2/${name}/manifests/v2`, `/v2/${name}/blobs/${absent}`]) {
        const answer: Answer = await kept.delete(path);
        expectError(answer, 405, 'UNSUPPORTED');
        const allowed = String(answer.headers.allow).split(', ');
        expect(allowed).to.include('GET').and.not.include('DELETE');
        expect(allowed.includes('PUT')).to.equal(path.includes('/manifests/'));
      }
      for (const path of paths) expectStatus(await kept.get(path), 200);
    });

    it('still cancels uploads', async () => {
      const kept = await serve({ deletes: { enabled: false } });
      expectStatus(await kept.delete(await beginUpload(kept, kept.newRepository())), 204);
    });
  });
});
