import { expect } from 'chai';
import { contentHeadersOf, expectEmpty, expectError } from './answers.ts';
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
import { expectStatus, locationOf, pushBlob, pushImage, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const absent = digestOf('nobody has pushed this');

/** A manifest of exactly `length` bytes that refers to nothing. */
function manifestOfLength(length: number): ManifestContent {
  const frame = JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, layers: [], filler: '' });
  const text = `${frame.slice(0, -2)}${'x'.repeat(length - frame.length)}"}`;
  return { ...contentOf(text), mediaType: types.manifest };
}

onEachStorage('A manifest', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  before(async () => {
    registry = await serve();
  });
  beforeEach(() => {
    repository = registry.newRepository();
  });

  const pathOf = (reference: string): string => `/v2/${repository}/manifests/${reference}`;
  const put = (manifest: Omit<ManifestContent, 'digest'>, reference = 'v1'): Promise<Answer> =>
    putManifest(registry, repository, reference, manifest);
  const putText = (text: string, mediaType: string = types.manifest): Promise<Answer> =>
    put({ bytes: Buffer.from(text), mediaType });

  async function expectServed(
    { bytes, digest, mediaType }: ManifestContent,
    reference: string,
  ): Promise<void> {
    const got = expectStatus(await registry.get(pathOf(reference)), 200);
    expect(got.body.equals(bytes)).to.equal(true);
    expect(got.headers).to.deep.include({
      'content-type': mediaType,
      'content-length': String(bytes.length),
      'docker-content-digest': digest,
      etag: `"${digest}"`,
    });
    const asked = await registry.head(pathOf(reference));
    expectEmpty(asked, 200);
    expect(contentHeadersOf(asked)).to.deep.equal(contentHeadersOf(got));
  }

  describe('is stored', () => {
    it('under a tag and its digest, and tells where', async () => {
      const { manifest } = await pushImage(registry, repository, 'v1');
      const answer = expectStatus(await put(manifest), 201);
      expect(answer.headers).to.deep.include({
        location: pathOf('v1'),
        'docker-content-digest': manifest.digest,
        'content-length': '0',
      });
      expect(answer.headers).to.not.have.any.keys('oci-subject', 'oci-tag', 'warning');
      await expectServed(manifest, 'v1');
      await expectServed(manifest, manifest.digest);
    });

    it('under its digest alone', async () => {
      const manifest = bareManifest('by digest');
      const answer = expectStatus(await put(manifest, manifest.digest), 201);
      expect(locationOf(answer.headers)).to.equal(pathOf(manifest.digest));
      await expectServed(manifest, manifest.digest);
      await expectServed(manifest, manifest.digest.replace(':', '%3A'));
      expectStatus(await registry.get(`/v2/${repository}/tags/list`), 200);
    });

    it('under its sha512, and served under that one', async () => {
      const { bytes, mediaType } = bareManifest('sha512');
      const digest = digestOf(bytes, 'sha512');
      const answer = expectStatus(await put({ bytes, mediaType }, `${digest}?tag=long`), 201);
      expect(answer.headers).to.deep.include({ 'docker-content-digest': digest, 'oci-tag': 'long' });
      await expectServed({ bytes, mediaType, digest }, digest);
      await expectServed({ bytes, mediaType, digest }, 'long');
      expectError(await registry.get(pathOf(digestOf(bytes))), 404, 'MANIFEST_UNKNOWN');
    });

    it('again and again, and is the same', async () => {
      const manifest = bareManifest('again');
      for (let time = 0; time < 3; time += 1) expectStatus(await put(manifest), 201);
      await expectServed(manifest, 'v1');
    });

    it('over another under the same tag, and the other stays under its digest', async () => {
      const [old, young] = [bareManifest('old'), bareManifest('young')];
      await pushManifest(registry, repository, old, 'v1');
      await pushManifest(registry, repository, young, 'v1');
      await expectServed(young, 'v1');
      await expectServed(old, old.digest);
    });

    it('with what several clients push at once under one tag: one of them', async () => {
      const manifests = Array.from({ length: 10 }, (_, index) => bareManifest(`racer ${index}`));
      await Promise.all(manifests.map((manifest) => pushManifest(registry, repository, manifest, 'v1')));
      const winner = (await registry.get(pathOf('v1'))).headers['docker-content-digest'];
      expect(manifests.map(({ digest }) => digest)).to.include(winner);
      for (const manifest of manifests) await expectServed(manifest, manifest.digest);
    });

    it('and readable at each moment while its tag moves', async () => {
      const manifests = [bareManifest('left'), bareManifest('right')];
      await pushManifest(registry, repository, bareManifest('left'), 'v1');
      let moving = true;
      const reads = async (): Promise<number> => {
        let count = 0;
        while (moving) {
          const answer = expectStatus(await registry.get(pathOf('v1')), 200);
          expect(digestOf(answer.body)).to.equal(answer.headers['docker-content-digest']);
          count += 1;
        }
        return count;
      };
      const readers = [reads(), reads(), reads()];
      for (let move = 0; move < 20; move += 1) {
        for (const manifest of manifests) await pushManifest(registry, repository, manifest, 'v1');
      }
      moving = false;
      for (const count of await Promise.all(readers)) expect(count).to.be.greaterThan(0);
    });
  });

  describe('keeps its exact bytes', () => {
    const texts: Readonly<Record<string, string>> = {
      'with CRLF and tabs': '{\r\n\t"schemaVersion": 2,\r\n\t"layers": []\r\n}\r\n',
      'with duplicate keys': '{"schemaVersion":2,"layers":[],"a":1,"a":2,"layers":[]}',
      'with numbers above 2^53': '{"schemaVersion":2,"layers":[],"big":9007199254740993,"huge":1e400}',
      'with spaces around': '  \n{"schemaVersion":2,"layers":[]}\n\n  ',
      'with escapes and characters of every plane': '{"layers":[],"a":"\\u0041\\/é😀\\ud83d"}',
      'with __proto__ in it': '{"layers":[],"__proto__":{"layers":[null]},"constructor":{}}',
      'without schemaVersion': '{"layers":[]}',
    };
    for (const [what, text] of Object.entries(texts)) {
      it(what, async () => {
        const manifest = { ...contentOf(text), mediaType: types.manifest };
        expectStatus(await put(manifest), 201);
        await expectServed(manifest, 'v1');
      });
    }
  });

  describe('keeps the type it was pushed with', () => {
    const bare: readonly string[] = [
      types.manifest,
      types.index,
      types.dockerManifest,
      types.dockerList,
      'application/vnd.example.thing+json',
      'application/json',
      'text/plain',
    ];
    for (const type of bare) {
      it(`${type}, although the manifest does not name it`, async () => {
        const manifest = manifestOf({ schemaVersion: 2, layers: [] }, type);
        expectStatus(await put(manifest), 201);
        await expectServed(manifest, 'v1');
      });
    }

    it('without the parameters the client sent', async () => {
      const manifest = bareManifest('charset');
      for (const parameters of ['; charset=utf-8', ';charset="utf-8"; q=1', ' ;']) {
        expectStatus(await put({ ...manifest, mediaType: types.manifest + parameters }), 201);
        await expectServed(manifest, 'v1');
      }
    });

    it('which is the one inside, when the client sends none', async () => {
      const cases: readonly [json: object, type: string][] = [
        [{ mediaType: types.dockerManifest, layers: [] }, types.dockerManifest],
        [{ schemaVersion: 2, manifests: [] }, types.index],
        [{ schemaVersion: 2, layers: [] }, types.manifest],
      ];
      for (const [json, type] of cases) {
        const manifest = manifestOf(json, type);
        const answer = await registry.put(pathOf('v1'), { body: manifest.bytes });
        expectStatus(answer, 201);
        await expectServed(manifest, 'v1');
      }
    });

    it('which may not be another than the one inside', async () => {
      expectError(await put({ ...bareManifest('x'), mediaType: types.index }), 400, 'MANIFEST_INVALID');
    });

    it('which has to be one', async () => {
      const bytes = Buffer.from('{"layers":[]}');
      for (const mediaType of ['nonsense', 'a/b/c', '/', 'application/', 'application/a b', '*/*']) {
        expectError(await put({ bytes, mediaType }), 400, 'MANIFEST_INVALID');
      }
      expectError(await registry.put(pathOf('v1'), { body: '{}' }), 400, 'MANIFEST_INVALID');
    });

    it('also when the same bytes are pushed with another', async () => {
      const json = { schemaVersion: 2, layers: [] };
      for (const type of [types.manifest, types.dockerManifest, types.manifest]) {
        const manifest = manifestOf(json, type);
        expectStatus(await put(manifest), 201);
        await expectServed(manifest, 'v1');
      }
    });
  });

  describe('is asked for', () => {
    const accepts: readonly (readonly [name: string, value: string] | undefined)[] = [
      undefined,
      ['accept', '*/*'],
      ['accept', types.manifest],
      ['accept', `${types.index}, ${types.manifest}`],
      ['accept', `${types.dockerManifest}, */*`],
      ['accept', `${types.dockerList};q=0.5`],
      ['accept', 'application/json'],
      ['accept', 'nonsense,,;;q=x'],
    ];
    for (const accept of accepts) {
      it(`${accept === undefined ? 'without Accept' : `with Accept: ${accept[1]}`} and is served as it is stored`, async () => {
        const manifest = await pushManifest(registry, repository, bareManifest('accepted'), 'v1');
        const headers = accept === undefined ? {} : { [accept[0]]: accept[1] };
        for (const reference of ['v1', manifest.digest]) {
          const got = expectStatus(await registry.get(pathOf(reference), headers), 200);
          const asked = await registry.head(pathOf(reference), headers);
          expect(got.body.equals(manifest.bytes)).to.equal(true);
          expect(got.headers['content-type']).to.equal(types.manifest);
          expect(contentHeadersOf(asked)).to.deep.equal(contentHeadersOf(got));
        }
      });
    }

    it('by clients that would take it compressed, and is not', async () => {
      await pushManifest(registry, repository, bareManifest('gzip'), 'v1');
      const { headers } = await registry.get(pathOf('v1'), { 'accept-encoding': 'gzip, deflate, br' });
      expect(headers).to.not.have.property('content-encoding');
    });

    it('and is unknown', async () => {
      await pushManifest(registry, repository, bareManifest('here'), 'v1');
      for (const reference of ['v2', 'V1', absent, digestOf('{}', 'sha512'), '__proto__', 'constructor']) {
        const details = expectError(await registry.get(pathOf(reference)), 404, 'MANIFEST_UNKNOWN');
        expect(details).to.deep.equal([{ reference }]);
        expectEmpty(await registry.head(pathOf(reference)), 404);
      }
    });

    it('in another repository and is unknown there', async () => {
      const manifest = await pushManifest(registry, repository, bareManifest('own'), 'v1');
      for (const reference of ['v1', manifest.digest]) {
        const answer = await registry.get(`/v2/${registry.newRepository()}/manifests/${reference}`);
        expectError(answer, 404, 'MANIFEST_UNKNOWN');
      }
    });

    it('by what is neither tag nor digest, and is unknown', async () => {
      for (const reference of [
        '-v1',
        '.v1',
        'v 1'.replace(' ', '%20'),
        'v:1',
        'sha256:0',
        'a'.repeat(129),
        'é%C3',
      ]) {
        const answer = await registry.get(pathOf(encodeURI(reference).replaceAll('%25', '%')));
        expect(answer.status).to.be.oneOf([400, 404]);
      }
    });
  });

  describe('is refused', () => {
    const malformed: Readonly<Record<string, string>> = {
      'that is empty': '',
      'that is no JSON': '{"layers":',
      'that is null': 'null',
      'that is a list': '[]',
      'that is a list of manifests': '[{"layers":[]}]',
      'that is a number': '7',
      'that is a text': '"manifest"',
      'that is not UTF-8': '{"layers":[],"a":"\u00ff"}',
      'with a layer that is null': '{"layers":[null]}',
      'with a layer that is a text': '{"layers":["sha256:0"]}',
      'with a layer that is a list': '{"layers":[[]]}',
      'with layers that are an object': '{"layers":{}}',
      'with layers that are a text': '{"layers":"none"}',
      'with a layer without digest': '{"layers":[{"mediaType":"a/b","size":1}]}',
      'with a layer whose digest is no text': '{"layers":[{"digest":1,"size":1}]}',
      'with a layer whose digest is none': '{"layers":[{"digest":"sha256:zz","size":1}]}',
      'with a layer whose digest leads elsewhere': '{"layers":[{"digest":"sha256:../../x","size":1}]}',
      'with a layer without size': `{"layers":[{"digest":"${absent}"}]}`,
      'with a layer of negative size': `{"layers":[{"digest":"${absent}","size":-1}]}`,
      'with a layer of half a byte': `{"layers":[{"digest":"${absent}","size":0.5}]}`,
      'with a layer whose size is a text': `{"layers":[{"digest":"${absent}","size":"1"}]}`,
      'with a layer whose type is a number': `{"layers":[{"digest":"${absent}","size":1,"mediaType":1}]}`,
      'with a config that is a text': '{"config":"x","layers":[]}',
      'with a config that is a list': '{"config":[],"layers":[]}',
      'with manifests that are an object': '{"manifests":{}}',
      'with a child that is null': '{"manifests":[null]}',
      'with a subject that is a text': `{"layers":[],"subject":"${absent}"}`,
      'with a subject that is a list': '{"layers":[],"subject":[]}',
      'with a subject that is a number': '{"layers":[],"subject":1}',
      'with a subject of an unknown algorithm': '{"layers":[],"subject":{"digest":"md5:0","size":1}}',
      'with a mediaType that is a number': '{"layers":[],"mediaType":2}',
      'with an artifactType that is a list': '{"layers":[],"artifactType":[]}',
      'with annotations that are a list': '{"layers":[],"annotations":[]}',
      'with an annotation that is a number': '{"layers":[],"annotations":{"a":1}}',
      'of docker schema 1': '{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}',
    };
    for (const [what, text] of Object.entries(malformed)) {
      it(what, async () => {
        const bytes = Buffer.from(text, what.includes('UTF-8') ? 'latin1' : 'utf8');
        expectError(await put({ bytes, mediaType: types.manifest }), 400, 'MANIFEST_INVALID');
        expectError(await put({ bytes, mediaType: types.index }, digestOf(bytes)), 400, 'MANIFEST_INVALID');
        expectEmpty(await registry.head(pathOf('v1')), 404);
        expectEmpty(await registry.head(pathOf(digestOf(bytes))), 404);
      });
    }

    it('whose nesting is deep', async () => {
      const depth = 1_000_000;
      const text = `{"layers":[],"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      const answer = await putText(text);
      expect(answer.status).to.be.oneOf([201, 400]);
      expectError(await putText('['.repeat(depth)), 400, 'MANIFEST_INVALID');
    });

    it('under a digest that is another', async () => {
      const { bytes, mediaType, digest } = bareManifest('x');
      const details = expectError(await put({ bytes, mediaType }, absent), 400, 'DIGEST_INVALID');
      expect(details).to.deep.equal([{ digest }]);
      const other = digestOf('', 'sha512');
      expectError(await put({ bytes, mediaType }, other), 400, 'DIGEST_INVALID');
      for (const reference of [absent, digest]) expectEmpty(await registry.head(pathOf(reference)), 404);
    });

    it('under what is neither tag nor digest', async () => {
      const manifest = bareManifest('x');
      for (const reference of ['-v1', '.v1', 'v%201', 'v+1', '%C3%A9', 'a'.repeat(129), '%00', 'a%5Cb']) {
        expectError(await put(manifest, reference), 400, 'MANIFEST_INVALID');
      }
      for (const reference of ['sha256:0', `md5:${'0'.repeat(32)}`, 'v:1']) {
        expectError(await put(manifest, reference), 400, 'DIGEST_INVALID');
      }
    });
  });

  describe('of 4 MiB', () => {
    it('to the byte is stored', async () => {
      const manifest = manifestOfLength(MAX_BYTES);
      expect(manifest.bytes.length).to.equal(MAX_BYTES);
      expectStatus(await put(manifest), 201);
      await expectServed(manifest, 'v1');
    });

    it('to the byte is stored when its length is not told before', async () => {
      const { bytes, mediaType, digest } = manifestOfLength(MAX_BYTES);
      const question = { headers: { 'content-type': mediaType }, chunks: [bytes] };
      expectStatus(await registry.put(pathOf('v1'), question), 201);
      expectEmpty(await registry.head(pathOf(digest)), 200);
    });

    it('and one byte is a 413, whether its length is told before or not', async () => {
      const { bytes, mediaType, digest } = manifestOfLength(MAX_BYTES + 1);
      const headers = { 'content-type': mediaType };
      expectError(await registry.put(pathOf('v1'), { headers, body: bytes }), 413, 'MANIFEST_INVALID');
      const chunks = [bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)];
      expectError(await registry.put(pathOf('v1'), { headers, chunks }), 413, 'MANIFEST_INVALID');
      expectEmpty(await registry.head(pathOf(digest)), 404);
    });

    it('is not the limit where another is configured', async () => {
      const small = await serve({ manifests: { maxBytes: 2048 } });
      const name = small.newRepository();
      expectStatus(await putManifest(small, name, 'v1', manifestOfLength(2048)), 201);
      expectError(await putManifest(small, name, 'v2', manifestOfLength(2049)), 413, 'MANIFEST_INVALID');
    });
  });

  describe('refers', () => {
    it('to nothing, which is enough', async () => {
      for (const json of [
        { schemaVersion: 2, layers: [] },
        { schemaVersion: 2, manifests: [] },
        { schemaVersion: 2 },
        { schemaVersion: 2, layers: null, config: null, subject: null, annotations: null },
      ]) {
        expectStatus(await put(manifestOf(json)), 201);
      }
    });

    it('to blobs of whatever types', async () => {
      const blob = await pushBlob(registry, repository, 'anything');
      const json = {
        schemaVersion: 2,
        artifactType: 'application/vnd.example.thing',
        config: descriptor(await pushBlob(registry, repository, '{}'), types.empty),
        layers: [
          descriptor(blob, 'application/vnd.example.layer.v7+zstd'),
          descriptor(blob, 'text/plain; charset=utf-8'),
          { digest: blob.digest, size: blob.bytes.length },
        ],
        blobs: [descriptor(blob, 'application/octet-stream')],
      };
      expectStatus(await put(manifestOf(json)), 201);
      expectStatus(await put(manifestOf(json, 'application/vnd.oci.artifact.manifest.v1+json')), 201);
    });

    it('to blobs under sha512', async () => {
      const bytes = Buffer.from('long');
      const blob = { bytes, digest: digestOf(bytes, 'sha512') };
      await pushBlob(registry, repository, blob);
      expectStatus(await put(manifestOf({ layers: [descriptor(blob, types.layer)] })), 201);
    });

    it('to blobs that are absent, and each one missing is named', async () => {
      const present = await pushBlob(registry, repository, 'present');
      const missing = ['config', 'one', 'two'].map((name) => contentOf(`missing ${name}`));
      const [config = present, ...layers] = missing;
      const answer = await put(imageOf(config, [...layers, present, ...layers]));
      const details = expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
      expect(details).to.have.deep.members(missing.map(({ digest }) => ({ digest })));
      expectEmpty(await registry.head(pathOf('v1')), 404);
    });

    it('to blobs that are in another repository alone', async () => {
      const other = registry.newRepository();
      const layer = await pushBlob(registry, other, 'elsewhere');
      const config = await pushBlob(registry, repository, '{}');
      const details = expectError(await put(imageOf(config, [layer])), 400, 'MANIFEST_BLOB_UNKNOWN');
      expect(details).to.deep.equal([{ digest: layer.digest }]);
    });

    it('to blobs of an algorithm that nobody can have pushed', async () => {
      for (const digest of ['blake3:abc', 'md5:0', 'sha384:00', 'multihash+base58:QmRZxt=_-', 'a.b_c:D']) {
        for (const json of [{ layers: [{ digest, size: 3 }] }, { manifests: [{ digest, size: 3 }] }]) {
          const details = expectError(await put(manifestOf(json)), 400, 'MANIFEST_BLOB_UNKNOWN');
          expect(details).to.deep.equal([{ digest }]);
        }
      }
    });

    it('to layers that are to be fetched from elsewhere, which need not be here', async () => {
      const config = await pushBlob(registry, repository, '{}');
      const foreign = {
        ...descriptor(contentOf('foreign'), types.layer),
        urls: ['https://example.com/layer'],
      };
      const image = (layer: object): ManifestContent =>
        manifestOf({ config: descriptor(config, types.config), layers: [layer] });
      expectStatus(await put(image(foreign)), 201);
      expectError(await put(image({ ...foreign, urls: [] })), 400, 'MANIFEST_BLOB_UNKNOWN');
      expectError(await put(image({ ...foreign, urls: 'https://a' })), 400, 'MANIFEST_BLOB_UNKNOWN');
    });

    it('to many blobs at once', async () => {
      const layers = await Promise.all(
        Array.from({ length: 120 }, (_, index) => pushBlob(registry, repository, `layer ${index}`)),
      );
      const config = await pushBlob(registry, repository, '{}');
      expectStatus(await put(imageOf(config, layers)), 201);
      const lost = contentOf('lost');
      const details = expectError(
        await put(imageOf(config, [...layers, lost])),
        400,
        'MANIFEST_BLOB_UNKNOWN',
      );
      expect(details).to.deep.equal([{ digest: lost.digest }]);
    });
  });

  describe('that is an index', () => {
    it('refers to children of the same repository', async () => {
      const images = await Promise.all(
        ['amd64', 'arm64'].map((arch) => pushImage(registry, repository, arch)),
      );
      const index = indexOf(images.map(({ manifest }) => manifest));
      expectStatus(await put(index, 'multi'), 201);
      await expectServed(index, 'multi');
    });

    it('refers to an index', async () => {
      const inner = await pushManifest(registry, repository, indexOf([]), 'inner');
      expectStatus(await put(indexOf([inner]), 'outer'), 201);
    });

    it('is refused when a child is absent, and names each one', async () => {
      const { manifest } = await pushImage(registry, repository, 'amd64');
      const [one, two] = [bareManifest('absent 1'), bareManifest('absent 2')];
      const answer = await put(indexOf([one, manifest, two]));
      const details = expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
      expect(details).to.have.deep.members([{ digest: one.digest }, { digest: two.digest }]);
    });

    it('does not take a blob for a child', async () => {
      const child = bareManifest('a blob');
      await pushBlob(registry, repository, child);
      expectError(await put(indexOf([child])), 400, 'MANIFEST_BLOB_UNKNOWN');
    });
  });

  describe('may lack', () => {
    it('nothing but what the configuration allows', async () => {
      const index = indexOf([bareManifest('absent child')]);
      const image = manifestOf({ layers: [descriptor(contentOf('absent layer'), types.layer)] });
      const cases = [
        ['nothing', 400, 400],
        ['children', 201, 400],
        ['anything', 201, 201],
      ] as const;
      for (const [mayLack, ofIndex, ofImage] of cases) {
        const lenient = await serve({ manifests: { mayLack } });
        const name = lenient.newRepository();
        expectStatus(await putManifest(lenient, name, 'index', index), ofIndex);
        expectStatus(await putManifest(lenient, name, 'image', image), ofImage);
        const mixed = manifestOf({
          manifests: [{ digest: 'blake3:abc', size: 3 }],
          layers: [],
        });
        expectStatus(await putManifest(lenient, name, 'mixed', mixed), ofIndex);
      }
    });
  });

  describe('pushed by digest with tags', () => {
    const tags = Array.from({ length: 12 }, (_, index) => `1.${index}`);

    it('gets all of them, and each is told', async () => {
      const manifest = bareManifest('tagged');
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      const answer = expectStatus(await put(manifest, `${manifest.digest}?${query}`), 201);
      expect(String(answer.headers['oci-tag']).split(', ')).to.deep.equal(tags);
      expect(locationOf(answer.headers)).to.equal(pathOf(manifest.digest));
      for (const tag of tags) await expectServed(manifest, tag);
    });

    it('gets one that is named twice once', async () => {
      const manifest = bareManifest('twice');
      const answer = await put(manifest, `${manifest.digest}?tag=a&tag=a`);
      expect(expectStatus(answer, 201).headers['oci-tag']).to.equal('a');
    });

    it('gets none when one of them is no tag', async () => {
      const manifest = bareManifest('bad tag');
      for (const bad of ['-x', '', 'a%20b', 'a'.repeat(129), 'sha256:0']) {
        const answer = await put(manifest, `${manifest.digest}?tag=good&tag=${bad}`);
        expect(answer.status).to.equal(400);
      }
      expectEmpty(await registry.head(pathOf('good')), 404);
      expectEmpty(await registry.head(pathOf(manifest.digest)), 404);
    });

    it('gets at most a hundred', async () => {
      const manifest = bareManifest('hundred');
      const query = (count: number): string =>
        Array.from({ length: count }, (_, index) => `tag=t${index}`).join('&');
      expectError(await put(manifest, `${manifest.digest}?${query(101)}`), 400, 'UNSUPPORTED');
      expectStatus(await put(manifest, `${manifest.digest}?${query(100)}`), 201);
    });
  });

  it('of a repository that does not exist is unknown', async () => {
    for (const reference of ['latest', absent]) {
      expectError(
        await registry.get(`/v2/no/such/repository/manifests/${reference}`),
        404,
        'MANIFEST_UNKNOWN',
      );
    }
  });

  it('may be kept by caches for ever under its digest, and not without asking under a tag', async () => {
    const { digest } = await pushManifest(registry, repository, bareManifest('cached'), 'v1');
    const byDigest = await registry.get(pathOf(digest));
    expect(byDigest.headers['cache-control']).to.equal('max-age=31536000, immutable, no-transform');
    expect((await registry.get(pathOf('v1'))).headers['cache-control']).to.equal('no-cache, no-transform');
  });
});
