import { expect } from 'chai';
import { descriptorsOf, expectError, jsonOf, nextPageOf, type Json } from './answers.ts';
import {
  bareManifest,
  contentOf,
  descriptor,
  digestOf,
  imageOf,
  indexOf,
  manifestOf,
  types,
  type ManifestContent,
} from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const sbom = 'application/vnd.example.sbom.v1+json';
const signature = 'application/vnd.example.signature';

onEachStorage('The list of referrers', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  let subject: ManifestContent;
  before(async () => {
    registry = await serve();
  });
  beforeEach(async () => {
    repository = registry.newRepository();
    subject = await pushManifest(registry, repository, bareManifest('subject'));
  });

  const list = (digest = subject.digest, query = ''): Promise<Answer> =>
    registry.get(`/v2/${repository}/referrers/${digest}${query}`);
  const artifact = (name: string, more: object = {}, of = subject): ManifestContent =>
    bareManifest(name, { subject: descriptor(of, of.mediaType), ...more });
  const push = (manifest: ManifestContent): Promise<ManifestContent> =>
    pushManifest(registry, repository, manifest);
  const digestsOf = (descriptors: readonly Json[]): unknown[] => descriptors.map(({ digest }) => digest);
  const byDigest = (manifests: readonly ManifestContent[]): string[] =>
    manifests.map(({ digest }) => digest).sort();

  async function walk(query: string): Promise<Json[][]> {
    const pages: Json[][] = [];
    let path: string | undefined = `/v2/${repository}/referrers/${subject.digest}${query}`;
    while (path !== undefined) {
      const page: Answer = expectStatus(await registry.get(path), 200);
      pages.push(descriptorsOf(page));
      path = nextPageOf(page);
    }
    return pages;
  }

  describe('is an index', () => {
    it('that is empty when there are none, for any digest in any repository', async () => {
      const digests = [subject.digest, digestOf('nobody'), digestOf('nobody', 'sha512')];
      for (const digest of digests) {
        for (const name of [repository, 'no/such/repository']) {
          const answer = expectStatus(await registry.get(`/v2/${name}/referrers/${digest}`), 200);
          expect(answer.body.toString()).to.equal(
            `{"schemaVersion":2,"mediaType":"${types.index}","manifests":[]}`,
          );
          expect(answer.headers).to.deep.include({
            'content-type': types.index,
            'content-length': String(answer.body.length),
          });
          expect(answer.headers).to.not.have.any.keys('link', 'oci-filters-applied');
        }
      }
    });

    it('of exactly the type of one, also when it is asked for by HEAD', async () => {
      await push(artifact('one'));
      for (const answer of [
        await list(),
        await registry.head(`/v2/${repository}/referrers/${subject.digest}`),
      ]) {
        expect(expectStatus(answer, 200).headers['content-type']).to.equal(types.index);
      }
    });

    it('that has a descriptor of each', async () => {
      const config = await pushBlob(registry, repository, '{}');
      const annotations = { 'org.opencontainers.image.created': '2026-11-25T00:00:00Z', é: '"ü"' };
      const image = imageOf(config, [], { subject: descriptor(subject, subject.mediaType), annotations });
      const index = indexOf([], { subject: descriptor(subject, subject.mediaType), artifactType: sbom });
      const plain = indexOf([], { subject: descriptor(subject, subject.mediaType), n: 2 });
      await Promise.all([image, index, plain].map(push));
      expect(jsonOf(await list())).to.deep.include({ schemaVersion: 2, mediaType: types.index });
      expect(descriptorsOf(await list())).to.have.deep.members([
        { ...descriptor(image, types.manifest), artifactType: types.config, annotations },
        { ...descriptor(index, types.index), artifactType: sbom },
        descriptor(plain, types.index),
      ]);
    });

    it('that may be cached only if it is asked for anew', async () => {
      expect((await list()).headers['cache-control']).to.equal('no-cache');
    });
  });

  describe('says of each its artifactType', () => {
    it("which is the manifest's own, else the type of its config", async () => {
      const config = descriptor(await pushBlob(registry, repository, '{}'), types.empty);
      const manifests = {
        own: artifact('own', { config, artifactType: sbom }),
        empty: artifact('empty', { config, artifactType: '' }),
        none: artifact('none', { config }),
        nothing: artifact('nothing'),
      };
      await Promise.all(Object.values(manifests).map(push));
      const found = new Map(descriptorsOf(await list()).map((each) => [each['digest'], each]));
      const typeOf = ({ digest }: ManifestContent): unknown => found.get(digest)?.['artifactType'];
      expect(typeOf(manifests.own)).to.equal(sbom);
      expect(typeOf(manifests.empty)).to.equal(types.empty);
      expect(typeOf(manifests.none)).to.equal(types.empty);
      expect(found.get(manifests.nothing.digest)).to.not.have.property('artifactType');
    });
  });

  describe('says of each its annotations', () => {
    it('all of them, whatever they are called', async () => {
      const annotations = '{"a":"1","":"empty","__proto__":"p","constructor":"c","toString":"t"}';
      const text = artifact('annotated', { annotations: 0 }).bytes.toString();
      const manifest = contentOf(text.replace('"annotations":0', `"annotations":${annotations}`));
      await push({ ...manifest, mediaType: types.manifest });
      expect((await list()).body.toString()).to.include(`"annotations":${annotations}`);
    });

    it('none where there are none, and an empty object where there is one', async () => {
      const [without, empty] = [artifact('without'), artifact('empty', { annotations: {} })];
      await Promise.all([without, empty].map(push));
      const found = new Map(descriptorsOf(await list()).map((each) => [each['digest'], each]));
      expect(found.get(without.digest)).to.not.have.property('annotations');
      expect(found.get(empty.digest)).to.have.deep.property('annotations', {});
    });
  });

  describe('knows a referrer', () => {
    it('as soon as it is pushed, and the push tells that it was understood', async () => {
      for (const manifest of [
        artifact('image'),
        indexOf([], { subject: descriptor(subject, types.manifest) }),
      ]) {
        for (const reference of ['v1', manifest.digest]) {
          const answer = expectStatus(await putManifest(registry, repository, reference, manifest), 201);
          expect(answer.headers['oci-subject']).to.equal(subject.digest);
        }
        expect(digestsOf(descriptorsOf(await list()))).to.include(manifest.digest);
      }
    });

    it('that was pushed before its subject', async () => {
      const late = bareManifest('late subject');
      const early = artifact('early', {}, late);
      const answer = expectStatus(await putManifest(registry, repository, early.digest, early), 201);
      expect(answer.headers['oci-subject']).to.equal(late.digest);
      expect(digestsOf(descriptorsOf(await list(late.digest)))).to.deep.equal([early.digest]);
      await push(late);
      expect(digestsOf(descriptorsOf(await list(late.digest)))).to.deep.equal([early.digest]);
    });

    it('of a subject that is a blob, or under sha512', async () => {
      const blob = await pushBlob(registry, repository, 'a blob');
      const long = { ...subject, digest: digestOf(subject.bytes, 'sha512') };
      for (const odd of [{ ...blob, mediaType: types.layer }, long]) {
        const manifest = await push(artifact('odd subject', {}, odd));
        expect(digestsOf(descriptorsOf(await list(odd.digest)))).to.deep.equal([manifest.digest]);
      }
    });

    it('that is itself under sha512, beside those under sha256', async () => {
      const short = await push(artifact('short'));
      const { bytes, mediaType } = artifact('long');
      const long = await push({ bytes, mediaType, digest: digestOf(bytes, 'sha512') });
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal([short.digest, long.digest]);
      const pages = await walk('?n=1');
      expect(pages.map(digestsOf)).to.deep.equal([[short.digest], [long.digest]]);
    });

    it('that refers to a referrer', async () => {
      const first = await push(artifact('first'));
      const second = await push(artifact('second', {}, first));
      expect(digestsOf(descriptorsOf(await list(first.digest)))).to.deep.equal([second.digest]);
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal([first.digest]);
    });

    it('once, however often it is pushed', async () => {
      const manifest = artifact('again');
      for (let time = 0; time < 3; time += 1) await push(manifest);
      await pushManifest(registry, repository, manifest, 'v1');
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal([manifest.digest]);
    });

    it('in its own repository alone', async () => {
      await push(artifact('here'));
      const elsewhere = await registry.get(`/v2/${registry.newRepository()}/referrers/${subject.digest}`);
      expect(descriptorsOf(elsewhere)).to.deep.equal([]);
    });

    it('by the type it was last pushed with', async () => {
      const json = { layers: [], subject: descriptor(subject, subject.mediaType) };
      for (const type of [types.manifest, 'application/vnd.example.other+json']) {
        const manifest = await push(manifestOf(json, type));
        expect(descriptorsOf(await list())).to.deep.equal([descriptor(manifest, type)]);
      }
    });

    it('until it is deleted, and not its tags with it', async () => {
      const [kept, gone] = [await push(artifact('kept')), await push(artifact('gone'))];
      await pushManifest(registry, repository, gone, 'tag');
      expectStatus(await registry.delete(`/v2/${repository}/manifests/tag`), 202);
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal(byDigest([kept, gone]));
      expectStatus(await registry.delete(`/v2/${repository}/manifests/${gone.digest}`), 202);
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal([kept.digest]);
    });

    it('also when its subject is deleted', async () => {
      const manifest = await push(artifact('orphan'));
      expectStatus(await registry.delete(`/v2/${repository}/manifests/${subject.digest}`), 202);
      expect(digestsOf(descriptorsOf(await list()))).to.deep.equal([manifest.digest]);
    });
  });

  describe('filtered by artifactType', () => {
    let sboms: ManifestContent[];
    beforeEach(async () => {
      sboms = [artifact('sbom 1', { artifactType: sbom }), artifact('sbom 2', { artifactType: sbom })];
      const config = descriptor(
        await pushBlob(registry, repository, 'config'),
        'application/vnd.example.cfg',
      );
      const others = [artifact('signed', { artifactType: signature }), artifact('config', { config })];
      await Promise.all([...sboms, ...others, artifact('plain')].map(push));
    });

    it('has those of that type alone, and says so', async () => {
      const answer = expectStatus(await list(subject.digest, `?artifactType=${sbom}`), 200);
      expect(digestsOf(descriptorsOf(answer))).to.deep.equal(byDigest(sboms));
      expect(answer.headers['oci-filters-applied']).to.equal('artifactType');
      expect(answer.headers['content-type']).to.equal(types.index);
    });

    it('takes a plus for a plus, and any escape', async () => {
      for (const type of [encodeURIComponent(sbom), sbom.replaceAll('/', '%2F')]) {
        const answer = await list(subject.digest, `?artifactType=${type}`);
        expect(descriptorsOf(answer)).to.have.lengthOf(2);
      }
    });

    it('goes by the type of the config where the manifest has none', async () => {
      const answer = await list(subject.digest, '?artifactType=application/vnd.example.cfg');
      expect(descriptorsOf(answer)).to.have.lengthOf(1);
    });

    it('may be empty, and says that it is filtered', async () => {
      const answer = expectStatus(await list(subject.digest, '?artifactType=none/such'), 200);
      expect(descriptorsOf(answer)).to.deep.equal([]);
      expect(answer.headers['oci-filters-applied']).to.equal('artifactType');
    });

    it('says so on every page, and keeps the filter in its links', async () => {
      let path: string | undefined = `/v2/${repository}/referrers/${subject.digest}?artifactType=${sbom}&n=1`;
      const found: unknown[] = [];
      while (path !== undefined) {
        const page: Answer = expectStatus(await registry.get(path), 200);
        expect(page.headers['oci-filters-applied']).to.equal('artifactType');
        found.push(...digestsOf(descriptorsOf(page)));
        path = nextPageOf(page);
      }
      expect(found).to.deep.equal(byDigest(sboms));
    });

    it('says nothing when it is not: without the parameter, or with an empty one', async () => {
      for (const query of ['', '?artifactType=', '?other=1']) {
        const answer = expectStatus(await list(subject.digest, query), 200);
        expect(answer.headers).to.not.have.property('oci-filters-applied');
        expect(descriptorsOf(answer)).to.have.lengthOf(5);
      }
    });
  });

  describe('in pages', () => {
    it('of any length loses none and repeats none', async () => {
      const manifests = Array.from({ length: 7 }, (_, index) => artifact(`paged ${index}`));
      await Promise.all(manifests.map(push));
      for (const n of [1, 2, 3, 6, 7, 8]) {
        const pages = await walk(`?n=${n}`);
        expect(pages.flatMap(digestsOf)).to.deep.equal(byDigest(manifests));
        for (const page of pages) expect(page.length).to.be.within(1, n);
      }
    });

    it('stays below 4 MiB, which is what clients take for a manifest', async () => {
      const annotations = { big: 'x'.repeat(1_500_000) };
      const manifests = Array.from({ length: 5 }, (_, index) => artifact(`big ${index}`, { annotations }));
      for (const manifest of manifests) await push(manifest);
      let path: string | undefined = `/v2/${repository}/referrers/${subject.digest}`;
      const found: unknown[] = [];
      while (path !== undefined) {
        const page: Answer = expectStatus(await registry.get(path), 200);
        expect(page.body.length).to.be.below(4 * 1024 * 1024);
        found.push(...digestsOf(descriptorsOf(page)));
        path = nextPageOf(page);
      }
      expect(found).to.deep.equal(byDigest(manifests));
    });

    it('has every one that clients push at once', async () => {
      const manifests = Array.from({ length: 30 }, (_, index) => artifact(`at once ${index}`));
      await Promise.all(manifests.map(push));
      const pages = await walk('?n=4');
      expect(pages.flatMap(digestsOf)).to.deep.equal(byDigest(manifests));
    });

    it('begins after the digest it is told, and is refused after anything else', async () => {
      const [first, second] = byDigest(await Promise.all([push(artifact('a')), push(artifact('b'))]));
      expect(digestsOf(descriptorsOf(await list(subject.digest, `?last=${first}`)))).to.deep.equal([second]);
      for (const last of ['', 'a', 'sha256:0', '../x']) {
        expectError(await list(subject.digest, `?last=${last}`), 400, 'UNSUPPORTED');
      }
    });
  });

  describe('is refused', () => {
    it('for a digest that is none', async () => {
      for (const digest of [
        'v1',
        'sha256:',
        'sha256:0',
        `md5:${'0'.repeat(32)}`,
        `sha256:${'G'.repeat(64)}`,
      ]) {
        expectError(await list(digest), 400, 'DIGEST_INVALID');
      }
    });

    it('for parameters that are given twice, or make no sense', async () => {
      for (const query of ['?artifactType=a&artifactType=b', '?n=1&n=2', '?last=a&last=b', '?n=-1', '?n=x']) {
        expectError(await list(subject.digest, query), 400, 'UNSUPPORTED');
      }
    });
  });
});
