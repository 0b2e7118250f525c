import { expect } from 'chai';
import { contentHeadersOf, expectEmpty, expectError } from './answers.ts';
import { contentOf, digestOf, noise, type Content } from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, pushBlob } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const absent = digestOf('nobody has pushed this');
/** Sizes on either side of where a blob is kept another way: in its record, whole in memory, as a stream of chunks. */
const sizes = [0, 1, 16_384, 16_385, 65_536, 65_537, 3 * 1024 * 1024 + 7];

onEachStorage('A blob', (serve) => {
  const repository = 'library/blobs';
  let registry: ServedRegistry;
  const blobs = new Map<number, Content>();
  before(async () => {
    registry = await serve();
    for (const size of sizes) blobs.set(size, await pushBlob(registry, repository, noise(size, size + 1)));
  });

  const pathOf = (digest: string, of = repository): string => `/v2/${of}/blobs/${digest}`;
  const blobOf = (size: number): Content => {
    const blob = blobs.get(size);
    if (blob === undefined) throw new Error(`no blob of ${size} bytes was pushed`);
    return blob;
  };
  const expectBytes = (answer: Answer, bytes: Uint8Array): void => {
    expect(answer.body.length).to.equal(bytes.length);
    expect(answer.body.equals(bytes)).to.equal(true);
  };

  for (const size of sizes) {
    it(`of ${size} bytes is served as it was pushed`, async () => {
      const { bytes, digest } = blobOf(size);
      const answer = expectStatus(await registry.get(pathOf(digest)), 200);
      expectBytes(answer, bytes);
      expect(answer.headers).to.deep.include({
        'content-type': 'application/octet-stream',
        'content-length': String(size),
        'docker-content-digest': digest,
        'accept-ranges': 'bytes',
      });
    });

    it(`of ${size} bytes answers HEAD with the headers of GET`, async () => {
      const { digest } = blobOf(size);
      const [got, asked] = await Promise.all([registry.get(pathOf(digest)), registry.head(pathOf(digest))]);
      expectEmpty(asked, 200);
      expect(contentHeadersOf(asked)).to.deep.equal(contentHeadersOf(got));
    });
  }

  it('may be kept by caches for ever, and nobody on the way may change its bytes', async () => {
    const { digest } = blobOf(1);
    const { headers } = await registry.get(pathOf(digest), { 'accept-encoding': 'gzip' });
    expect(headers['cache-control']).to.equal('max-age=31536000, immutable, no-transform');
    expect(headers).to.not.have.property('content-encoding');
    expect(headers.etag).to.equal(`"${digest}"`);
  });

  it('is found under a digest whose colon is escaped', async () => {
    const { bytes, digest } = blobOf(16_384);
    expectBytes(expectStatus(await registry.get(pathOf(digest.replace(':', '%3A'))), 200), bytes);
  });

  it('that nobody has pushed is unknown', async () => {
    const details = expectError(await registry.get(pathOf(absent)), 404, 'BLOB_UNKNOWN');
    expect(details).to.deep.equal([{ digest: absent }]);
    expectEmpty(await registry.head(pathOf(absent)), 404);
  });

  it('of one repository is unknown in another, although both share the storage', async () => {
    const { digest } = blobOf(65_537);
    expectError(await registry.get(pathOf(digest, 'library/others')), 404, 'BLOB_UNKNOWN');
    expectEmpty(await registry.head(pathOf(digest, 'library/others')), 404);
  });

  it('is not asked for by what is no digest', async () => {
    const hex = 'a'.repeat(64);
    const malformed = [
      'latest',
      'sha256',
      'sha256:',
      `sha256:${hex.slice(1)}`,
      `sha256:${hex}a`,
      `sha256:${hex.toUpperCase()}`,
      `sha512:${hex}`,
      `md5:${'a'.repeat(32)}`,
      `SHA256:${hex}`,
      `sha256:${'g'.repeat(64)}`,
      `constructor:${hex}`,
      '__proto__',
    ];
    for (const digest of malformed) {
      expectError(await registry.get(pathOf(digest)), 400, 'DIGEST_INVALID');
      expectEmpty(await registry.head(pathOf(digest)), 400);
    }
  });

  it('is served many times at once', async () => {
    const { bytes, digest } = blobOf(3 * 1024 * 1024 + 7);
    const answers = await Promise.all(Array.from({ length: 8 }, () => registry.get(pathOf(digest))));
    for (const answer of answers) expectBytes(expectStatus(answer, 200), bytes);
  });

  describe('asked for in part', () => {
    for (const size of [1000, 16_385, 100_000]) {
      describe(`of ${size} bytes`, () => {
        let blob: Content;
        before(async () => {
          blob = await pushBlob(registry, repository, noise(size, 99));
        });

        const ranges: readonly [range: string, start: number, end: number][] = [
          ['bytes=0-0', 0, 1],
          ['bytes=0-99', 0, 100],
          ['bytes=100-', 100, size],
          [`bytes=${size - 1}-`, size - 1, size],
          ['bytes=-1', size - 1, size],
          ['bytes=-100', size - 100, size],
          [`bytes=-${size + 5}`, 0, size],
          [`bytes=10-${size + 5}`, 10, size],
          [`bytes=10-99999999999999999999`, 10, size],
          ['BYTES=5-9', 5, 10],
          ['bytes = 5 - 9', 5, 10],
        ];
        for (const [range, start, end] of ranges) {
          it(`answers ${range} with that part`, async () => {
            const answer = expectStatus(await registry.get(pathOf(blob.digest), { range }), 206);
            expectBytes(answer, blob.bytes.subarray(start, end));
            expect(answer.headers).to.deep.include({
              'content-range': `bytes ${start}-${end - 1}/${size}`,
              'content-length': String(end - start),
              'docker-content-digest': blob.digest,
            });
          });
        }

        for (const range of [`bytes=${size}-`, `bytes=${size}-${size + 9}`, 'bytes=-0', 'bytes=9-5']) {
          it(`answers ${range} with 416, the size there is, and a length of its own`, async () => {
            const answer = await registry.get(pathOf(blob.digest), { range });
            expectError(answer, 416, 'SIZE_INVALID');
            expect(answer.headers['content-range']).to.equal(`bytes */${size}`);
          });
        }

        for (const range of [
          'bytes=0-1,5-9',
          'lines=0-1',
          'bytes',
          'bytes=',
          'bytes=-',
          'bytes=a-b',
          '0-5',
        ]) {
          it(`answers ${range}, which it does not serve, with all of it`, async () => {
            const answer = expectStatus(await registry.get(pathOf(blob.digest), { range }), 200);
            expectBytes(answer, blob.bytes);
            expect(answer.headers).to.not.have.property('content-range');
          });
        }

        it('answers If-Range with the part if the blob is that one, else with all of it', async () => {
          const range = 'bytes=1-2';
          const ask = (validator: string): Promise<Answer> =>
            registry.get(pathOf(blob.digest), { range, 'if-range': validator });
          expectBytes(expectStatus(await ask(`"${blob.digest}"`), 206), blob.bytes.subarray(1, 3));
          for (const other of [`"${absent}"`, `W/"${blob.digest}"`, 'Wed, 25 Nov 2026 00:00:00 GMT']) {
            expectBytes(expectStatus(await ask(other), 200), blob.bytes);
          }
        });

        it('goes on serving the connection after a 416', async () => {
          await registry.get(pathOf(blob.digest), { range: `bytes=${size}-` });
          expectBytes(expectStatus(await registry.get(pathOf(blob.digest)), 200), blob.bytes);
        });
      });
    }

    it('has no part when it is empty', async () => {
      const { digest } = blobOf(0);
      for (const range of ['bytes=0-', 'bytes=-1']) {
        const answer = await registry.get(pathOf(digest), { range });
        expectError(answer, 416, 'SIZE_INVALID');
        expect(answer.headers['content-range']).to.equal('bytes */0');
      }
    });

    it('answers HEAD in full: a range is for GET alone', async () => {
      const { digest } = blobOf(16_384);
      const answer = await registry.head(pathOf(digest), { range: 'bytes=0-9' });
      expectEmpty(answer, 200);
      expect(answer.headers['content-length']).to.equal('16384');
    });

    it('joins to the whole', async () => {
      const { bytes, digest } = blobOf(3 * 1024 * 1024 + 7);
      const parts: Buffer[] = [];
      for (let start = 0; start < bytes.length; start += 1024 * 1024) {
        const range = `bytes=${start}-${start + 1024 * 1024 - 1}`;
        parts.push(expectStatus(await registry.get(pathOf(digest), { range }), 206).body);
      }
      expect(Buffer.concat(parts).equals(bytes)).to.equal(true);
    });
  });

  it('of sha512 is served under that digest, and not under its sha256', async () => {
    const bytes = noise(20_000, 512);
    const digest = digestOf(bytes, 'sha512');
    await pushBlob(registry, repository, { bytes, digest });
    const answer = expectStatus(await registry.get(pathOf(digest)), 200);
    expectBytes(answer, bytes);
    expect(answer.headers['docker-content-digest']).to.equal(digest);
    expectError(await registry.get(pathOf(contentOf(bytes).digest)), 404, 'BLOB_UNKNOWN');
  });
});
