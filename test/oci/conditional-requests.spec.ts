import { expect } from 'chai';
import { expectEmpty, expectError } from './answers.ts';
import { bareManifest, digestOf, noise, type ManifestContent } from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const absent = digestOf('nobody has pushed this');

onEachStorage('A conditional request', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  let current: ManifestContent;
  before(async () => {
    registry = await serve();
  });
  beforeEach(async () => {
    repository = registry.newRepository();
    current = await pushManifest(registry, repository, bareManifest('current'), 'v1');
  });

  const pathOf = (reference: string): string => `/v2/${repository}/manifests/${reference}`;
  const put = (name: string, headers: Record<string, string>, reference = 'v1'): Promise<Answer> =>
    putManifest(registry, repository, reference, bareManifest(name), headers);
  const tagged = async (reference = 'v1'): Promise<unknown> =>
    (await registry.head(pathOf(reference))).headers['docker-content-digest'];

  describe('for content that the client has', () => {
    it('is a 304 without body, with what caches need', async () => {
      const blob = await pushBlob(registry, repository, noise(100_000));
      const small = await pushBlob(registry, repository, 'small');
      const contents: readonly [path: string, digest: string][] = [
        [`/v2/${repository}/blobs/${blob.digest}`, blob.digest],
        [`/v2/${repository}/blobs/${small.digest}`, small.digest],
        [pathOf(current.digest), current.digest],
        [pathOf('v1'), current.digest],
      ];
      for (const [path, digest] of contents) {
        const whole = await registry.head(path);
        for (const tag of [`"${digest}"`, `W/"${digest}"`, '*', `"${absent}", "${digest}"`, digest]) {
          for (const answer of [
            await registry.get(path, { 'if-none-match': tag }),
            await registry.head(path, { 'if-none-match': tag }),
          ]) {
            expectEmpty(answer, 304);
            expect(answer.headers.etag).to.equal(`"${digest}"`);
            expect(answer.headers['cache-control']).to.equal(whole.headers['cache-control']);
          }
        }
      }
    });

    it('is a 304 whatever part is asked for', async () => {
      const { digest } = await pushBlob(registry, repository, noise(100_000));
      const headers = { 'if-none-match': `"${digest}"`, range: 'bytes=0-9' };
      expectEmpty(await registry.get(`/v2/${repository}/blobs/${digest}`, headers), 304);
    });

    it('is answered in full when the client has something else', async () => {
      for (const tag of [`"${absent}"`, 'nonsense', '""', ',']) {
        const answer = expectStatus(await registry.get(pathOf('v1'), { 'if-none-match': tag }), 200);
        expect(answer.body.equals(current.bytes)).to.equal(true);
      }
      const young = await pushManifest(registry, repository, bareManifest('young'), 'v1');
      const answer = await registry.get(pathOf('v1'), { 'if-none-match': `"${current.digest}"` });
      expect(answer.body.equals(young.bytes)).to.equal(true);
    });

    it('is a 404 when there is nothing', async () => {
      expectError(await registry.get(pathOf('v2'), { 'if-none-match': '*' }), 404, 'MANIFEST_UNKNOWN');
    });
  });

  describe('that sets a tag', () => {
    it('with If-Match succeeds if the tag is that one', async () => {
      for (const name of ['next', 'next but one']) {
        expectStatus(await put(name, { 'if-match': `"${String(await tagged())}"` }), 201);
        expect(await tagged()).to.equal(bareManifest(name).digest);
      }
      expectStatus(await put('any', { 'if-match': '*' }), 201);
      expectStatus(await put('one of', { 'if-match': `"${absent}", "${bareManifest('any').digest}"` }), 201);
    });

    it('with If-Match is a 412 if it is another or none, and changes nothing', async () => {
      for (const headers of [{ 'if-match': `"${absent}"` }, { 'if-match': 'nonsense' }]) {
        expectError(await put('lost', headers), 412, 'DENIED');
      }
      expect(await tagged()).to.equal(current.digest);
      for (const tag of ['*', `"${current.digest}"`]) {
        expectError(await put('lost', { 'if-match': tag }, 'v2'), 412, 'DENIED');
      }
      expectEmpty(await registry.head(pathOf('v2')), 404);
    });

    it('with If-None-Match: * succeeds if there is none, and is a 412 if there is one', async () => {
      expectStatus(await put('first', { 'if-none-match': '*' }, 'v2'), 201);
      expectError(await put('second', { 'if-none-match': '*' }, 'v2'), 412, 'DENIED');
      expect(await tagged('v2')).to.equal(bareManifest('first').digest);
      expectStatus(await registry.delete(pathOf('v2')), 202);
      expectStatus(await put('third', { 'if-none-match': '*' }, 'v2'), 201);
    });

    it('with If-None-Match is a 412 if the tag is that one', async () => {
      expectError(await put('other', { 'if-none-match': `"${current.digest}"` }), 412, 'DENIED');
      expectStatus(await put('other', { 'if-none-match': `"${absent}"` }), 201);
    });

    it('has one winner when many create it at once', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `creator ${index}`);
      const answers = await Promise.all(names.map((name) => put(name, { 'if-none-match': '*' }, 'new')));
      const winners = names.filter((_, index) => answers[index]?.status === 201);
      expect(winners).to.have.lengthOf(1);
      for (const answer of answers) if (answer.status !== 201) expectError(answer, 412, 'DENIED');
      expect(await tagged('new')).to.equal(bareManifest(winners[0] ?? '').digest);
    });

    it('has one winner when many move it at once', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `mover ${index}`);
      const answers = await Promise.all(
        names.map((name) => put(name, { 'if-match': `"${current.digest}"` })),
      );
      const winners = names.filter((_, index) => answers[index]?.status === 201);
      expect(winners).to.have.lengthOf(1);
      for (const answer of answers) if (answer.status !== 201) expectError(answer, 412, 'DENIED');
      expect(await tagged()).to.equal(bareManifest(winners[0] ?? '').digest);
    });

    it('loses nothing when each who lost tries again', async () => {
      const seen: unknown[] = [];
      const promote = async (name: string): Promise<void> => {
        for (;;) {
          const before = String(await tagged());
          const answer = await put(name, { 'if-match': `"${before}"` });
          if (answer.status === 412) continue;
          expectStatus(answer, 201);
          seen.push(before);
          return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, index) => promote(`promoter ${index}`)));
      // Each followed another one: nobody has overwritten what he had not seen.
      expect(new Set(seen).size).to.equal(8);
    });
  });

  describe('that pushes by digest', () => {
    it('is about the manifest', async () => {
      const manifest = bareManifest('by digest');
      const send = (headers: Record<string, string>): Promise<Answer> =>
        putManifest(registry, repository, manifest.digest, manifest, headers);
      expectError(await send({ 'if-match': '*' }), 412, 'DENIED');
      expectEmpty(await registry.head(pathOf(manifest.digest)), 404);
      expectStatus(await send({ 'if-none-match': '*' }), 201);
      expectError(await send({ 'if-none-match': '*' }), 412, 'DENIED');
      expectStatus(await send({ 'if-match': `"${manifest.digest}"` }), 201);
    });

    it('with tags is about each of these', async () => {
      const manifest = bareManifest('with tags');
      const send = (tags: string, headers: Record<string, string>): Promise<Answer> =>
        putManifest(registry, repository, `${manifest.digest}?${tags}`, manifest, headers);
      expectStatus(await send('tag=a&tag=b', { 'if-none-match': '*' }), 201);
      expectError(await send('tag=c&tag=v1', { 'if-match': `"${absent}"` }), 412, 'DENIED');
      expectEmpty(await registry.head(pathOf('c')), 404);
      expectError(await send('tag=v1', { 'if-none-match': '*' }), 412, 'DENIED');
      expect(await tagged()).to.equal(current.digest);
    });
  });

  describe('that deletes', () => {
    it('a tag succeeds if the tag is that one, and is a 412 if it is another', async () => {
      const moved = await pushManifest(registry, repository, bareManifest('moved'), 'v1');
      expectError(await registry.delete(pathOf('v1'), { 'if-match': `"${current.digest}"` }), 412, 'DENIED');
      expect(await tagged()).to.equal(moved.digest);
      expectStatus(await registry.delete(pathOf('v1'), { 'if-match': `"${moved.digest}"` }), 202);
      expectEmpty(await registry.head(pathOf('v1')), 404);
      expectError(await registry.delete(pathOf('v1'), { 'if-match': '*' }), 412, 'DENIED');
    });

    it('a manifest succeeds if it is there', async () => {
      expectError(await registry.delete(pathOf(absent), { 'if-match': '*' }), 412, 'DENIED');
      expectError(await registry.delete(pathOf(current.digest), { 'if-none-match': '*' }), 412, 'DENIED');
      expectStatus(await registry.delete(pathOf(current.digest), { 'if-match': '*' }), 202);
    });

    it('a tag that others move at the same moment deletes it or is a 412, never both', async () => {
      const before = { 'if-match': `"${current.digest}"` };
      const puts = Array.from({ length: 5 }, (_, index) => put(`mover ${index}`, before));
      const deletes = Array.from({ length: 5 }, () => registry.delete(pathOf('v1'), before));
      const moved = (await Promise.all(puts)).filter(({ status }) => status !== 412);
      const deleted = (await Promise.all(deletes)).filter(({ status }) => status !== 412);
      for (const answer of moved) expectStatus(answer, 201);
      for (const answer of deleted) expectStatus(answer, 202);
      // Who deletes what another has just deleted in the same state has got what he asked for.
      if (moved.length > 0) expect([moved.length, deleted.length]).to.deep.equal([1, 0]);
      else expect(deleted).to.not.be.empty;
      expect((await registry.head(pathOf('v1'))).status).to.equal(moved.length > 0 ? 200 : 404);
    });
  });
});
