import { expect } from 'chai';
import { expectEmpty, expectError } from './answers.ts';
import { contentOf, digestOf, noise } from './content.ts';
import type { Answer } from './http-client.ts';
import { beginUpload, expectStatus, locationOf, pushBlob } from './pushes.ts';
import { RawConnection } from './raw-connection.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';
import { keysIn, withPartSize } from './storage-view.ts';

const MIB = 1024 * 1024;
const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** A way to push a blob. Gives the last answer. */
type Shape = (
  registry: ServedRegistry,
  repository: string,
  bytes: Buffer,
  digest: string,
  query: string,
) => Promise<Answer>;

/** Cuts `bytes` into pieces of `length`; the last one may be shorter. */
function cut(bytes: Buffer, length: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / length));
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * length, (index + 1) * length));
}
const rangeOf = (at: number, length: number): string => `${at}-${at + length - 1}`;

const shapes: Readonly<Record<string, Shape>> = {
  'one POST': (registry, repository, bytes, digest) =>
    registry.post(`/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes }),

  'one POST without a length': (registry, repository, bytes, digest) =>
    registry.post(`/v2/${repository}/blobs/uploads/?digest=${digest}`, { chunks: cut(bytes, 70_000) }),

  'POST and PUT': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    return registry.put(`${upload}?digest=${digest}`, { body: bytes });
  },

  'POST and PUT without a length': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    return registry.put(`${upload}?digest=${digest}`, { chunks: cut(bytes, 70_000) });
  },

  'POST, one streamed PATCH and PUT': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    const patched = expectStatus(await registry.patch(upload, { chunks: cut(bytes, 70_000) }), 202);
    return registry.put(`${locationOf(patched.headers)}?digest=${digest}`);
  },

  'POST, one PATCH with a length and PUT': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    const patched = expectStatus(await registry.patch(upload, { body: bytes }), 202);
    return registry.put(`${locationOf(patched.headers)}?digest=${digest}`);
  },

  'POST, chunks and PUT': async (registry, repository, bytes, digest, query) => {
    let upload = await beginUpload(registry, repository, query);
    let at = 0;
    for (const chunk of cut(bytes, 1_000_000)) {
      const headers = chunk.length === 0 ? {} : { 'content-range': rangeOf(at, chunk.length) };
      const patched = expectStatus(await registry.patch(upload, { headers, body: chunk }), 202);
      at += chunk.length;
      expect(patched.headers.range).to.equal(`0-${Math.max(0, at - 1)}`);
      upload = locationOf(patched.headers);
    }
    return registry.put(`${upload}?digest=${digest}`);
  },

  'POST, chunks without a range and PUT': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    for (const chunk of cut(bytes, 1_300_000)) {
      expectStatus(await registry.patch(upload, { chunks: [chunk] }), 202);
    }
    return registry.put(`${upload}?digest=${digest}`);
  },

  'POST, chunks, and PUT with the last chunk': async (registry, repository, bytes, digest, query) => {
    const upload = await beginUpload(registry, repository, query);
    const half = bytes.length >>> 1;
    expectStatus(await registry.patch(upload, { body: bytes.subarray(0, half) }), 202);
    const last = bytes.subarray(half);
    const headers = last.length === 0 ? {} : { 'content-range': rangeOf(half, last.length) };
    return registry.put(`${upload}?digest=${digest}`, { headers, body: last });
  },
};

onEachStorage('An upload', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve();
  });

  const status = async (upload: string): Promise<string | undefined> =>
    expectStatus(await registry.get(upload), 204).headers.range;
  const spaceTaken = (): Promise<string[]> =>
    Promise.all(['uploads/', 'tails/', 'data/'].map((prefix) => keysIn(registry.driver, prefix))).then(
      (keys) => keys.flat(),
    );

  /** A connection on which the registry has begun to read the body of this request: it holds the upload. */
  async function sending(line: string, framing: string): Promise<RawConnection> {
    const connection = await RawConnection.open(registry.url);
    connection.head(`${line} HTTP/1.1`, framing, 'Expect: 100-continue');
    expect((await connection.answer()).status).to.equal(100);
    return connection;
  }

  for (const [shape, push] of Object.entries(shapes)) {
    describe(`by ${shape}`, () => {
      const sizes = { sha256: [0, 1, 100, 100_000, 2 * MIB + 1], sha512: [0, 100_000, 2 * MIB] };
      for (const algorithm of ['sha256', 'sha512'] as const) {
        for (const size of sizes[algorithm]) {
          it(`stores ${size} bytes under their ${algorithm}`, async () => {
            const repository = registry.newRepository();
            const bytes = noise(size, size + 3);
            const digest = digestOf(bytes, algorithm);
            const query = algorithm === 'sha512' ? '?digest-algorithm=sha512' : '';
            const answer = expectStatus(await push(registry, repository, bytes, digest, query), 201);
            expect(answer.body.length).to.equal(0);
            expect(answer.headers).to.deep.include({
              location: `/v2/${repository}/blobs/${digest}`,
              'docker-content-digest': digest,
              'content-length': '0',
            });
            const pulled = expectStatus(await registry.get(locationOf(answer.headers)), 200);
            expect(pulled.body.equals(bytes)).to.equal(true);
          });
        }
      }

      it('leaves nothing but the blob', async () => {
        const before = await spaceTaken();
        const bytes = noise(2 * MIB, 77);
        const repository = registry.newRepository();
        expectStatus(await push(registry, repository, bytes, digestOf(bytes), ''), 201);
        const after = await spaceTaken();
        expect(after.filter((key) => !before.includes(key) && !key.startsWith('data/'))).to.deep.equal([]);
        expect(after.length - before.length).to.be.at.most(1);
      });

      for (const size of [100, 2 * MIB]) {
        it(`refuses ${size} bytes of another digest, keeps none of them, and takes them again`, async () => {
          const repository = registry.newRepository();
          const bytes = noise(size, 78);
          const wrong = digestOf('something else');
          const before = await spaceTaken();
          expectError(await push(registry, repository, bytes, wrong, ''), 400, 'DIGEST_INVALID');
          expect(await spaceTaken()).to.deep.equal(before);
          for (const digest of [wrong, digestOf(bytes)]) {
            expectEmpty(await registry.head(`/v2/${repository}/blobs/${digest}`), 404);
          }
          expectStatus(await push(registry, repository, bytes, digestOf(bytes), ''), 201);
        });
      }
    });
  }

  describe('begins', () => {
    it('with a path of its own, relative to the host, that has a UUID in it', async () => {
      const repository = registry.newRepository();
      const answer = expectStatus(await registry.post(`/v2/${repository}/blobs/uploads/`), 202);
      expect(answer.headers.location).to.match(new RegExp(`^/v2/${repository}/blobs/uploads/${uuid}$`));
      expect(answer.headers).to.deep.include({ range: '0-0', 'content-length': '0' });
      const again = await registry.post(`/v2/${repository}/blobs/uploads/`);
      expect(again.headers.location).to.not.equal(answer.headers.location);
    });

    it('whatever content type and body the client sends with it', async () => {
      const kinds = [
        'application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'text/x',
      ];
      for (const type of kinds) {
        const repository = registry.newRepository();
        const begun = await registry.post(`/v2/${repository}/blobs/uploads/`, {
          headers: { 'content-type': type, 'content-encoding': 'gzip' },
          body: '{"half',
        });
        const upload = locationOf(expectStatus(begun, 202).headers);
        expect(await status(upload)).to.equal('0-0');
        const headers = { 'content-type': type };
        expectStatus(await registry.patch(upload, { headers, body: 'a=b&' }), 202);
        const digest = digestOf('a=b&{"c');
        expectStatus(await registry.put(`${upload}?digest=${digest}`, { headers, body: '{"c' }), 201);
        expect((await registry.get(`/v2/${repository}/blobs/${digest}`)).body.toString()).to.equal('a=b&{"c');
      }
    });

    it('without naming a least length of chunks where any will do', async () => {
      const { headers } = await registry.post(`/v2/${registry.newRepository()}/blobs/uploads/`);
      expect(headers).to.not.have.property('oci-chunk-min-length');
    });

    it('with the least length of chunks where storage has one, and still takes shorter ones', async () => {
      const cloud = await serve(
        {},
        plugin('parts', (hooks, name) => hooks.wrapStorage.tap(name, (driver) => withPartSize(driver, MIB))),
      );
      const repository = cloud.newRepository();
      const begun = await cloud.post(`/v2/${repository}/blobs/uploads/`);
      expect(begun.headers['oci-chunk-min-length']).to.equal(String(MIB));
      const upload = locationOf(begun.headers);
      const bytes = noise(3 * MIB + 12_345, 5);
      for (const chunk of cut(bytes, 400_000)) expectStatus(await cloud.patch(upload, { body: chunk }), 202);
      const finished = await cloud.put(`${upload}?digest=${digestOf(bytes)}`);
      const pulled = await cloud.get(locationOf(expectStatus(finished, 201).headers));
      expect(pulled.body.equals(bytes)).to.equal(true);
    });

    it('not with an algorithm nobody knows, nor with one that is named twice', async () => {
      for (const query of ['?digest-algorithm=md5', '?digest-algorithm=', '?digest-algorithm=constructor']) {
        expectError(await registry.post(`/v2/library/app/blobs/uploads/${query}`), 400, 'UNSUPPORTED');
      }
      const twice = '?digest-algorithm=sha256&digest-algorithm=sha512';
      expectError(await registry.post(`/v2/library/app/blobs/uploads/${twice}`), 400, 'UNSUPPORTED');
    });

    it('with an algorithm, and may still end with the other', async () => {
      for (const [begun, ended] of [
        ['sha512', 'sha256'],
        ['sha256', 'sha512'],
      ] as const) {
        const repository = registry.newRepository();
        const bytes = noise(200_000, 6);
        const upload = await beginUpload(registry, repository, `?digest-algorithm=${begun}`);
        expectStatus(await registry.patch(upload, { body: bytes }), 202);
        const digest = digestOf(bytes, ended);
        expectStatus(await registry.put(`${upload}?digest=${digest}`), 201);
        expectStatus(await registry.get(`/v2/${repository}/blobs/${digest}`), 200);
      }
    });
  });

  describe('tells where it stands', () => {
    it('as the last byte, which reads the same for none and for one', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      expect(await status(upload)).to.equal('0-0');
      for (const [body, range] of [
        ['', '0-0'],
        ['a', '0-0'],
        ['b', '0-1'],
        ['cde', '0-4'],
      ] as const) {
        const patched = expectStatus(await registry.patch(upload, { body }), 202);
        expect(patched.headers).to.deep.include({ range, location: upload, 'content-length': '0' });
        expect(await status(upload)).to.equal(range);
      }
    });

    it('with a Location to go on at, and no body', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      const answer = await registry.get(upload);
      expectEmpty(answer, 204);
      expect(answer.headers.location).to.equal(upload);
      expect(answer.headers).to.not.have.property('content-length');
      expectEmpty(await registry.head(upload), 204);
    });
  });

  describe('out of order', () => {
    const attempts: readonly [title: string, range: string, length: number][] = [
      ['again from the start', '0-9', 10],
      ['over what is there', '5-14', 10],
      ['with a gap', '11-20', 10],
      ['far off', '999999999999999-999999999999999', 1],
    ];
    for (const [title, range, length] of attempts) {
      it(`${title} is a 416 that says where to go on, and changes nothing`, async () => {
        const repository = registry.newRepository();
        const upload = await beginUpload(registry, repository);
        const bytes = noise(20, 9);
        expectStatus(await registry.patch(upload, { body: bytes.subarray(0, 10) }), 202);
        const question = { headers: { 'content-range': range }, body: noise(length, 8) };
        const digest = digestOf(bytes);
        for (const answer of [
          await registry.patch(upload, question),
          await registry.put(`${upload}?digest=${digest}`, question),
        ]) {
          expectError(answer, 416, 'BLOB_UPLOAD_INVALID');
          expect(answer.headers).to.deep.include({ range: '0-9', location: upload });
        }
        expect(await status(upload)).to.equal('0-9');
        const last = { headers: { 'content-range': '10-19' }, body: bytes.subarray(10) };
        expectStatus(await registry.put(`${upload}?digest=${digest}`, last), 201);
      });
    }

    it('at its very beginning is a 416 too', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      const question = { headers: { 'content-range': '5-9' }, body: 'hello' };
      for (const answer of [
        await registry.patch(upload, question),
        await registry.put(`${upload}?digest=${digestOf('hello')}`, question),
      ]) {
        expectError(answer, 416, 'BLOB_UPLOAD_INVALID');
        expect(answer.headers).to.deep.include({ range: '0-0', location: upload });
      }
    });
  });

  describe('with a Content-Range', () => {
    it('may spell it with a unit and the size of all, as some clients do', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      const ranges = ['0-4', 'bytes 5-9', 'bytes=10-14', 'bytes 15-19/25', '20-24/*'];
      for (const range of ranges) {
        const answer = await registry.patch(upload, { headers: { 'content-range': range }, body: 'hello' });
        expectStatus(answer, 202);
      }
      expect(await status(upload)).to.equal('0-24');
    });

    for (const range of ['five', '-5', '0-', '0', 'bytes', '4-0', '0x0-0x4', '0-4,5-9', '0 - 4']) {
      it(`of '${range}' is refused, and changes nothing`, async () => {
        const upload = await beginUpload(registry, registry.newRepository());
        const answer = await registry.patch(upload, { headers: { 'content-range': range }, body: 'hello' });
        expectError(answer, 400, 'BLOB_UPLOAD_INVALID');
        expect(await status(upload)).to.equal('0-0');
      });
    }

    it('that its length contradicts is refused, and changes nothing', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      for (const body of ['hell', 'hello!']) {
        const question = { headers: { 'content-range': '0-4' }, body };
        expectError(await registry.patch(upload, question), 400, 'SIZE_INVALID');
        expectError(await registry.put(`${upload}?digest=${digestOf(body)}`, question), 400, 'SIZE_INVALID');
      }
      expect(await status(upload)).to.equal('0-0');
    });

    it('that does not fit the bytes of a whole blob refuses it, though its digest is right', async () => {
      const repository = registry.newRepository();
      const bytes = noise(100, 39);
      const digest = digestOf(bytes);
      const question = { headers: { 'content-range': '0-98' }, chunks: [bytes] };
      const upload = await beginUpload(registry, repository);
      expectError(await registry.put(`${upload}?digest=${digest}`, question), 400, 'SIZE_INVALID');
      expectEmpty(await registry.head(`/v2/${repository}/blobs/${digest}`), 404);
    });

    for (const size of [10, 2 * MIB]) {
      it(`that does not fit the ${size} bytes that come keeps none of them`, async () => {
        const repository = registry.newRepository();
        const upload = await beginUpload(registry, repository);
        const bytes = noise(size + 5, 10);
        expectStatus(await registry.patch(upload, { body: bytes.subarray(0, 5) }), 202);
        for (const claimed of [size - 1, size + 1]) {
          const question = {
            headers: { 'content-range': rangeOf(5, claimed) },
            chunks: cut(bytes.subarray(5), 65_536),
          };
          expectError(await registry.patch(upload, question), 400, 'SIZE_INVALID');
          expect(await status(upload)).to.equal('0-4');
        }
        const right = {
          headers: { 'content-range': rangeOf(5, size) },
          chunks: cut(bytes.subarray(5), 65_536),
        };
        expectStatus(await registry.patch(upload, right), 202);
        expectStatus(await registry.put(`${upload}?digest=${digestOf(bytes)}`), 201);
        const pulled = await registry.get(`/v2/${repository}/blobs/${digestOf(bytes)}`);
        expect(pulled.body.equals(bytes)).to.equal(true);
      });
    }
  });

  describe('that breaks off', () => {
    for (const sent of [5, 100_000, 2 * MIB + 17]) {
      it(`after ${sent} bytes keeps them and goes on from there`, async () => {
        const repository = registry.newRepository();
        const bytes = noise(sent + 1000, 11);
        const upload = await beginUpload(registry, repository);
        const connection = await sending(`PATCH ${upload}`, `Content-Length: ${bytes.length}`);
        connection.send(bytes.subarray(0, sent));
        connection.end();
        await connection.closed();
        const offset = await resume(upload, bytes);
        expect(offset).to.equal(sent);
        expectStatus(await registry.put(`${upload}?digest=${digestOf(bytes)}`), 201);
        const pulled = await registry.get(`/v2/${repository}/blobs/${digestOf(bytes)}`);
        expect(pulled.body.equals(bytes)).to.equal(true);
      });
    }

    it('in the middle of a chunk of the transfer coding tells its true offset', async () => {
      const repository = registry.newRepository();
      const bytes = noise(3 * MIB, 12);
      const upload = await beginUpload(registry, repository);
      expectStatus(await registry.patch(upload, { body: bytes.subarray(0, 1000) }), 202);
      const connection = await sending(`PATCH ${upload}`, 'Transfer-Encoding: chunked');
      connection.send(`${(MIB + MIB).toString(16)}\r\n`);
      await connection.deliver(bytes.subarray(1000, MIB));
      connection.destroy();
      const offset = await resume(upload, bytes);
      expect(offset).to.be.within(1000, MIB);
      expectStatus(await registry.put(`${upload}?digest=${digestOf(bytes)}`), 201);
    });

    it('in its closing PUT keeps what was there before, and what has come', async () => {
      const repository = registry.newRepository();
      const bytes = noise(300_000, 13);
      const digest = digestOf(bytes);
      const upload = await beginUpload(registry, repository);
      expectStatus(await registry.patch(upload, { body: bytes.subarray(0, 100_000) }), 202);
      const connection = await sending(`PUT ${upload}?digest=${digest}`, 'Content-Length: 200000');
      connection.send(bytes.subarray(100_000, 200_000));
      connection.end();
      await connection.closed();
      expect(await resume(upload, bytes)).to.equal(200_000);
      expectEmpty(await registry.head(`/v2/${repository}/blobs/${digest}`), 404);
      expectStatus(await registry.put(`${upload}?digest=${digest}`), 201);
    });

    it('in one request keeps nothing', async () => {
      const before = await spaceTaken();
      const bytes = noise(3 * MIB, 14);
      const path = `/v2/${registry.newRepository()}/blobs/uploads/?digest=${digestOf(bytes)}`;
      const connection = await sending(`POST ${path}`, `Content-Length: ${bytes.length}`);
      connection.send(bytes.subarray(0, 2 * MIB));
      connection.end();
      await connection.closed();
      expect(await spaceTaken()).to.deep.equal(before);
    });

    /** Sends what is missing, as a client does: from where the registry says. Gives that offset. */
    async function resume(upload: string, bytes: Buffer): Promise<number> {
      for (;;) {
        const range = (await status(upload)) ?? '';
        const offset = range === '0-0' ? 0 : Number(range.slice(2)) + 1;
        const rest = bytes.subarray(offset);
        const headers = { 'content-range': rangeOf(offset, rest.length) };
        const answer = await registry.patch(upload, { headers, body: rest });
        if (answer.status === 202) return offset;
        // What has broken off is still being put away.
        expectError(answer, 416, 'BLOB_UPLOAD_INVALID');
      }
    }
  });

  describe('that two clients send to', () => {
    it('takes the bytes of the one that came first, and tells the other where it stands', async () => {
      const repository = registry.newRepository();
      const upload = await beginUpload(registry, repository);
      expectStatus(await registry.patch(upload, { body: 'one ' }), 202);
      const first = await sending(`PATCH ${upload}`, 'Content-Length: 4');
      for (const answer of [
        await registry.patch(upload, { body: 'TWO ' }),
        await registry.patch(upload, { headers: { 'content-range': '4-7' }, body: 'TWO ' }),
        await registry.put(`${upload}?digest=${digestOf('one TWO ')}`, { body: 'TWO ' }),
      ]) {
        expectError(answer, 416, 'BLOB_UPLOAD_INVALID');
        expect(answer.headers).to.deep.include({ range: '0-3', location: upload });
      }
      first.send('two ');
      expect((await first.answer()).status).to.equal(202);
      first.destroy();
      const digest = digestOf('one two three');
      expectStatus(await registry.put(`${upload}?digest=${digest}`, { body: 'three' }), 201);
    });

    it('takes one of many chunks that all belong at the same place', async () => {
      const repository = registry.newRepository();
      const upload = await beginUpload(registry, repository);
      const pieces = Array.from({ length: 10 }, (_, index) => noise(50_000, 20 + index));
      const answers = await Promise.all(
        pieces.map((body) => registry.patch(upload, { headers: { 'content-range': '0-49999' }, body })),
      );
      const winners = pieces.filter((_, index) => answers[index]?.status === 202);
      expect(winners).to.have.lengthOf(1);
      for (const answer of answers) {
        if (answer.status !== 202) expectError(answer, 416, 'BLOB_UPLOAD_INVALID');
      }
      const [winner = Buffer.alloc(0)] = winners;
      expectStatus(await registry.put(`${upload}?digest=${digestOf(winner)}`), 201);
    });

    it('becomes a blob for each digest that is right, when both end it at once', async () => {
      const repository = registry.newRepository();
      const bytes = noise(200_000, 31);
      const upload = await beginUpload(registry, repository);
      expectStatus(await registry.patch(upload, { body: bytes }), 202);
      const digest = digestOf(bytes);
      const ends = await Promise.all(
        Array.from({ length: 5 }, () => registry.put(`${upload}?digest=${digest}`)),
      );
      expect(ends.filter(({ status: code }) => code === 201)).to.not.be.empty;
      for (const end of ends) if (end.status !== 201) expectError(end, 416, 'BLOB_UPLOAD_INVALID');
      expectStatus(await registry.get(`/v2/${repository}/blobs/${digest}`), 200);
    });
  });

  describe('of a blob that many push at once', () => {
    it('succeeds for all, and the blob is stored once', async () => {
      const before = await keysIn(registry.driver, 'data/');
      const bytes = noise(500_000, 32);
      const repositories = Array.from({ length: 8 }, () => registry.newRepository());
      await Promise.all(repositories.map((repository) => pushBlob(registry, repository, bytes)));
      for (const repository of repositories) {
        const pulled = await registry.get(`/v2/${repository}/blobs/${digestOf(bytes)}`);
        expect(pulled.body.equals(bytes)).to.equal(true);
      }
      const after = await keysIn(registry.driver, 'data/');
      expect(after.length - before.length).to.equal(1);
    });
  });

  describe('ends', () => {
    it('a second time as the first, for clients that did not hear the answer', async () => {
      const repository = registry.newRepository();
      const bytes = noise(100_000, 33);
      const upload = await beginUpload(registry, repository);
      expectStatus(await registry.patch(upload, { body: bytes }), 202);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const answer = await registry.put(`${upload}?digest=${digestOf(bytes)}`);
        expect(expectStatus(answer, 201).headers.location).to.equal(
          `/v2/${repository}/blobs/${digestOf(bytes)}`,
        );
      }
    });

    it('only with a digest that is one, and stays as it is until then', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      expectStatus(await registry.patch(upload, { body: 'hello' }), 202);
      const digest = digestOf('hello');
      for (const query of [
        '',
        '?digest=',
        '?digest=hello',
        `?digest=md5:${'0'.repeat(32)}`,
        `?digest=${digest}0`,
      ]) {
        expectError(await registry.put(upload + query), 400, 'DIGEST_INVALID');
      }
      expectError(await registry.put(`${upload}?digest=${digest}&digest=${digest}`), 400, 'UNSUPPORTED');
      expect(await status(upload)).to.equal('0-4');
      expectStatus(await registry.put(`${upload}?digest=${digest.replace(':', '%3A')}`), 201);
    });

    it('in one POST only with a digest that is one', async () => {
      for (const digest of ['', 'hello', `md5:${'0'.repeat(32)}`]) {
        const path = `/v2/library/app/blobs/uploads/?digest=${digest}`;
        expectError(await registry.post(path, { body: 'hello' }), 400, 'DIGEST_INVALID');
      }
    });

    it('when it is cancelled: its space comes back and its path leads nowhere', async () => {
      const before = await spaceTaken();
      const upload = await beginUpload(registry, registry.newRepository());
      expectStatus(await registry.patch(upload, { body: noise(2 * MIB, 34) }), 202);
      expectStatus(await registry.patch(upload, { body: noise(20_000, 35) }), 202);
      const cancelled = await registry.delete(upload);
      expectEmpty(cancelled, 204);
      const digest = digestOf('');
      expectEmpty(await registry.head(upload), 404);
      for (const answer of [
        await registry.get(upload),
        await registry.patch(upload, { body: 'more' }),
        await registry.put(`${upload}?digest=${digest}`),
        await registry.delete(upload),
      ]) {
        expectError(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
      }
      const left = (await spaceTaken()).filter((key) => !before.includes(key));
      expect(left.filter((key) => !key.startsWith('uploads/'))).to.deep.equal([]);
    });

    it('when it is cancelled before its first byte', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      expectStatus(await registry.delete(upload), 204);
      expectError(await registry.get(upload), 404, 'BLOB_UPLOAD_UNKNOWN');
    });

    it('when it is cancelled while bytes come: who sends them is told', async () => {
      const before = await spaceTaken();
      const upload = await beginUpload(registry, registry.newRepository());
      const connection = await sending(`PATCH ${upload}`, `Content-Length: ${2 * MIB}`);
      connection.send(noise(MIB, 36));
      expectStatus(await registry.delete(upload), 204);
      connection.send(noise(MIB, 37));
      const answer = await connection.answer();
      expect([answer.status, answer.body]).to.satisfy(
        ([code, body]: [number, string]) => code === 404 && body.includes('BLOB_UPLOAD_UNKNOWN'),
      );
      connection.destroy();
      const left = (await spaceTaken()).filter((key) => !before.includes(key));
      expect(left.filter((key) => !key.startsWith('uploads/'))).to.deep.equal([]);
    });
  });

  describe('that nobody has begun', () => {
    const ids = [
      '0199ffff-0000-7000-8000-000000000000',
      '00000000-0000-0000-0000-000000000000',
      'nonsense',
      '..',
      '%2e%2e',
      '__proto__',
      'a'.repeat(2000),
      '%00',
    ];
    for (const id of ids) {
      it(`is unknown, whatever is done with it: ${id.slice(0, 40)}`, async () => {
        const path = `/v2/library/app/blobs/uploads/${id}`;
        for (const answer of [
          await registry.get(path),
          await registry.patch(path, { body: 'hello' }),
          await registry.put(`${path}?digest=${digestOf('hello')}`, { body: 'hello' }),
          await registry.delete(path),
        ]) {
          expectError(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
        }
      });
    }

    it('is that of another repository', async () => {
      const upload = await beginUpload(registry, 'library/one');
      expectStatus(await registry.patch(upload, { body: 'hello' }), 202);
      const other = upload.replace('library/one', 'library/two');
      for (const answer of [
        await registry.get(other),
        await registry.patch(other, { body: 'hello' }),
        await registry.put(`${other}?digest=${digestOf('hello')}`),
        await registry.delete(other),
      ]) {
        expectError(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
      }
      expect(await status(upload)).to.equal('0-4');
    });
  });

  it('of what is there already succeeds, in each repository', async () => {
    const blob = contentOf(noise(100_000, 38));
    for (const repository of ['library/first', 'library/second', 'library/first']) {
      await pushBlob(registry, repository, blob);
      const pulled = await registry.get(`/v2/${repository}/blobs/${blob.digest}`);
      expect(pulled.body.equals(blob.bytes)).to.equal(true);
    }
  });
});
