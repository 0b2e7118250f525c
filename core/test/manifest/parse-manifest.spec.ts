import { expect } from 'chai';
import fc from 'fast-check';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { digestOf, isDigest } from '../../src/digest.ts';
import { mediaTypes } from '../../src/manifest/media-types.ts';
import { parseManifest, type ParsedManifest } from '../../src/manifest/parse-manifest.ts';

const digest = digestOf(Buffer.from('content'));
const size = 7;

function parse(json: unknown, contentType: string | undefined = mediaTypes.ociManifest): ParsedManifest {
  return parseManifest(Buffer.from(JSON.stringify(json)), contentType, 'sha256');
}

/** What is wrong with the manifest, `undefined` when nothing is. Anything but `MANIFEST_INVALID` goes on. */
function complaintOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isRegistryError(error) || error.code !== 'MANIFEST_INVALID' || error.status !== 400) throw error;
    return error.message;
  }
}

describe('parseManifest', () => {
  it('finds what an image refers to: config, layers and subject', () => {
    const config = { mediaType: 'a/config', digest, size };
    const layers = [
      { mediaType: 'a/layer', digest, size },
      { mediaType: 'a/foreign', digest, size: 0, urls: ['https://a'] },
    ];
    const subject = { mediaType: 'a/subject', digest, size };
    const parsed = parse({ schemaVersion: 2, config, layers, subject, annotations: { a: 'b' } });
    expect(parsed).to.deep.include({
      mediaType: mediaTypes.ociManifest,
      blobs: [config, ...layers],
      manifests: [],
      subject,
      artifactType: 'a/config',
      annotations: { a: 'b' },
    });
  });

  it('finds the children of an index, and the blobs of an artifact', () => {
    const child = { mediaType: mediaTypes.ociManifest, digest, size, platform: { os: 'linux' } };
    const { platform: _, ...seen } = child;
    expect(parse({ manifests: [child] }, mediaTypes.ociIndex).manifests).to.deep.equal([seen]);
    const blob = { mediaType: 'a/b', digest, size };
    expect(parse({ blobs: [blob] }, 'application/vnd.oci.artifact.manifest.v1+json').blobs).to.deep.equal([
      blob,
    ]);
  });

  it('takes what has nothing to refer to, and null for absent, as Go clients write it', () => {
    const nothing = {
      blobs: [],
      manifests: [],
      subject: undefined,
      artifactType: undefined,
      annotations: undefined,
    };
    for (const json of [
      {},
      { layers: [] },
      { manifests: [] },
      {
        layers: null,
        config: null,
        manifests: null,
        blobs: null,
        subject: null,
        annotations: null,
        artifactType: null,
      },
    ]) {
      expect(parse(json)).to.deep.include(nothing);
    }
  });

  it('keeps bytes as they are and names them by the algorithm that is asked for', () => {
    const bytes = Buffer.from(' {"layers":[],"layers":[],"n":9007199254740993}\r\n');
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const parsed = parseManifest(bytes, mediaTypes.ociManifest, algorithm);
      expect(parsed.bytes).to.equal(bytes);
      expect(parsed.digest).to.equal(digestOf(bytes, algorithm));
    }
  });

  it('goes by its own artifactType, else by the type of the config', () => {
    const config = { mediaType: 'a/config', digest, size };
    expect(parse({ artifactType: 'a/own', config }).artifactType).to.equal('a/own');
    expect(parse({ artifactType: '', config }).artifactType).to.equal('a/config');
    expect(parse({ config }).artifactType).to.equal('a/config');
    expect(parse({ artifactType: '' }).artifactType).to.equal(undefined);
  });

  it('keeps annotations that are called as members of objects are', () => {
    const bytes = Buffer.from('{"annotations":{"__proto__":"p","constructor":"c"},"layers":[]}');
    const { annotations } = parseManifest(bytes, mediaTypes.ociManifest, 'sha256');
    expect(Object.entries(annotations ?? {})).to.deep.equal([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
  });

  it('does not look at members that an object has of itself', () => {
    const bytes = Buffer.from('{"__proto__":{"layers":[null],"mediaType":"a/b","subject":1}}');
    expect(parseManifest(bytes, 'a/c', 'sha256')).to.deep.include({
      mediaType: 'a/c',
      blobs: [],
      subject: undefined,
    });
  });

  describe('says which type it is', () => {
    const inside = { mediaType: mediaTypes.dockerManifest };
    const cases: readonly [contentType: string | undefined, json: object, type: string][] = [
      ['a/b', {}, 'a/b'],
      ['a/b; charset=utf-8', {}, 'a/b'],
      ['  a/b  ;x', {}, 'a/b'],
      [mediaTypes.dockerManifest, inside, mediaTypes.dockerManifest],
      [undefined, inside, mediaTypes.dockerManifest],
      ['', inside, mediaTypes.dockerManifest],
      ['a/b', { mediaType: '' }, 'a/b'],
      [undefined, { manifests: [] }, mediaTypes.ociIndex],
      [undefined, { layers: [] }, mediaTypes.ociManifest],
      [undefined, { mediaType: 'nonsense', layers: [] }, mediaTypes.ociManifest],
    ];
    for (const [contentType, json, type] of cases) {
      it(`${type} for Content-Type ${contentType ?? '(none)'} and ${JSON.stringify(json)}`, () => {
        expect(parseManifest(Buffer.from(JSON.stringify(json)), contentType, 'sha256').mediaType).to.equal(
          type,
        );
      });
    }

    it('or refuses it when that is unclear', () => {
      expect(complaintOf(() => parse(inside, 'a/b')))
        .to.include('a/b')
        .and.include(mediaTypes.dockerManifest);
      expect(complaintOf(() => parse({}, 'nonsense'))).to.include("'nonsense' is not a media type");
      expect(complaintOf(() => parseManifest(Buffer.from('{}'), undefined, 'sha256'))).to.include(
        'no Content-Type',
      );
    });
  });

  it('says where a manifest is wrong', () => {
    const right = { mediaType: 'a/b', digest, size };
    const cases: readonly [json: unknown, where: string][] = [
      [{ layers: [right, null] }, 'layers[1] is not a descriptor'],
      [{ layers: [{ ...right, digest: 'x' }] }, 'layers[0].digest is not a digest'],
      [{ layers: [{ ...right, size: -1 }] }, 'layers[0].size is not a size'],
      [{ layers: [{ ...right, size: 2 ** 53 }] }, 'layers[0].size is not a size'],
      [{ layers: [{ ...right, mediaType: 1 }] }, 'layers[0].mediaType is not a string'],
      [{ manifests: [[]] }, 'manifests[0] is not a descriptor'],
      [{ manifests: 'x' }, 'manifests is not a list'],
      [{ config: 'x' }, 'config is not a descriptor'],
      [{ subject: digest }, 'subject is not a descriptor'],
      [{ subject: { ...right, digest: 'md5:0' } }, 'subject.digest has an unsupported algorithm'],
      [{ artifactType: 1 }, 'artifactType is not a string'],
      [{ annotations: [] }, 'annotations is not an object'],
      [{ annotations: { a: null } }, 'annotations has a value that is not a string'],
      [[], 'the manifest is not a JSON object'],
      [null, 'the manifest is not a JSON object'],
      [{ schemaVersion: 1 }, 'schema 1'],
    ];
    for (const [json, where] of cases) expect(complaintOf(() => parse(json))).to.include(where);
  });

  it('has to be UTF-8, to its last string', () => {
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      const text = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
      expect(complaintOf(() => parseManifest(text, 'a/b', 'sha256'))).to.include('not JSON in UTF-8');
    }
  });

  it('lets digests of algorithms it does not know pass as references, for they may be allowed to be absent', () => {
    for (const other of ['blake3:abc', 'sha384:0', 'a+b.c_d-e:F=_-']) {
      expect(parse({ layers: [{ digest: other, size }] }).blobs[0]?.digest).to.equal(other);
    }
    for (const wrong of [
      'sha256:abc',
      `sha256:${'A'.repeat(64)}`,
      'sha512:',
      ':x',
      'a:',
      'a',
      'A:b',
      'a:b/c',
      '..:x',
    ]) {
      expect(
        complaintOf(() => parse({ layers: [{ digest: wrong, size }] })),
        wrong,
      ).to.be.a('string');
    }
  });

  describe('whatever it is given', () => {
    /** Every reference is one that can be looked up, or of an algorithm that is unknown; nothing else gets through. */
    function expectSound({ blobs, manifests, subject, annotations, mediaType }: ParsedManifest): void {
      for (const reference of [...blobs, ...manifests]) {
        expect(Number.isSafeInteger(reference.size) && reference.size >= 0).to.equal(true);
        expect(isDigest(reference.digest) || !/^sha(?:256|512):/.test(reference.digest)).to.equal(true);
        expect(reference.digest).to.not.include('/');
      }
      if (subject !== undefined) expect(isDigest(subject.digest)).to.equal(true);
      for (const text of Object.values(annotations ?? {})) expect(text).to.be.a('string');
      expect(mediaType).to.match(/^[\x21-\x7e]+$/);
    }
    function expectParsedOrInvalid(bytes: Uint8Array, contentType?: string): void {
      let parsed: ParsedManifest | undefined;
      const complaint = complaintOf(() => (parsed = parseManifest(bytes, contentType, 'sha256')));
      if (parsed === undefined) expect(complaint).to.be.a('string').and.not.equal('');
      else expectSound(parsed);
    }

    it('gives a manifest or MANIFEST_INVALID for any bytes', () => {
      fc.assert(fc.property(fc.uint8Array(), (bytes) => expectParsedOrInvalid(bytes, 'a/b')));
    });

    it('gives a manifest or MANIFEST_INVALID for any JSON', () => {
      fc.assert(
        fc.property(fc.json(), (json) => expectParsedOrInvalid(Buffer.from(json), 'a/b')),
        { numRuns: 500 },
      );
    });

    it('gives a manifest or MANIFEST_INVALID for objects that are almost manifests', () => {
      const text = fc.constantFrom('', 'a/b', digest, 'md5:0', 'sha256:x', '../x', mediaTypes.ociIndex);
      const scalar = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
      const almostDescriptor = fc.oneof(
        fc.record(
          {
            mediaType: fc.oneof(text, scalar),
            digest: fc.oneof(fc.constant(digest), text, scalar),
            size: fc.oneof(fc.nat(), scalar),
            urls: fc.oneof(fc.array(text, { maxLength: 2 }), scalar),
            artifactType: scalar,
          },
          { requiredKeys: [] },
        ),
        scalar,
        fc.array(scalar, { maxLength: 2 }),
      );
      const list = fc.oneof(fc.array(almostDescriptor, { maxLength: 3 }), almostDescriptor);
      const almostManifest = fc.record(
        {
          schemaVersion: scalar,
          mediaType: scalar,
          artifactType: scalar,
          config: almostDescriptor,
          layers: list,
          blobs: list,
          manifests: list,
          subject: almostDescriptor,
          annotations: fc.oneof(
            fc.dictionary(fc.string(), fc.oneof(fc.string(), scalar), { maxKeys: 3 }),
            scalar,
          ),
        },
        { requiredKeys: [] },
      );
      const contentType = fc.option(fc.constantFrom('', 'a/b', mediaTypes.ociIndex, ';', 'x'), {
        nil: undefined,
      });
      fc.assert(
        fc.property(almostManifest, contentType, (json, type) =>
          expectParsedOrInvalid(Buffer.from(JSON.stringify(json)), type),
        ),
        { numRuns: 1000 },
      );
    });

    it('reads nesting of any depth without overflowing', () => {
      const depth = 200_000;
      for (const text of [
        `{"layers":${'['.repeat(depth)}${']'.repeat(depth)}}`,
        `{"a":`.repeat(depth) + '1' + '}'.repeat(depth),
        '['.repeat(depth),
      ]) {
        expectParsedOrInvalid(Buffer.from(text), 'a/b');
      }
    });
  });
});
