import { expect } from 'chai';
import { bareManifest, digestOf, noise, types } from './content.ts';
import { beginUpload, expectStatus, pushBlob, pushManifest } from './pushes.ts';
import { RawConnection, type RawAnswer } from './raw-connection.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

const MIB = 1024 * 1024;
const unknownUpload = '/v2/library/app/blobs/uploads/0199ffff-0000-7000-8000-000000000000';

onEachStorage('A connection', (serve) => {
  let registry: ServedRegistry;
  const opened: RawConnection[] = [];
  before(async () => {
    registry = await serve();
  });
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.destroy();
  });

  async function connect(to = registry): Promise<RawConnection> {
    const connection = await RawConnection.open(to.url);
    opened.push(connection);
    return connection;
  }
  const codeOf = ({ body }: RawAnswer): string | undefined => /"code":"([A-Z_]+)"/.exec(body)?.[1];
  async function expectUsable(connection: RawConnection): Promise<void> {
    connection.head('GET /v2/ HTTP/1.1');
    expect(await connection.answer()).to.deep.include({ status: 200, body: '{}' });
  }

  describe('on which a client asks for leave to send (Expect: 100-continue)', () => {
    it('gets that leave, then the answer, and can be used again', async () => {
      const connection = await connect();
      const upload = await beginUpload(registry, registry.newRepository());
      connection.head(`PATCH ${upload} HTTP/1.1`, 'Content-Length: 5', 'Expect: 100-continue');
      expect((await connection.answer()).status).to.equal(100);
      connection.send('hello');
      const answer = await connection.answer();
      expect([answer.status, answer.headers.get('range')]).to.deep.equal([202, '0-4']);
      await expectUsable(connection);
    });

    it('gets it whatever the case of the header', async () => {
      const connection = await connect();
      const blob = Buffer.from('case');
      connection.head(
        `POST /v2/library/app/blobs/uploads/?digest=${digestOf(blob)} HTTP/1.1`,
        'Content-Length: 4',
        'EXPECT: 100-Continue',
      );
      expect((await connection.answer()).status).to.equal(100);
      connection.send(blob);
      expect((await connection.answer()).status).to.equal(201);
    });

    const refusals: readonly [why: string, status: number, code: string, head: readonly string[]][] = [
      [
        'an upload that is unknown',
        404,
        'BLOB_UPLOAD_UNKNOWN',
        [`PATCH ${unknownUpload}`, 'Content-Length: 5'],
      ],
      [
        'an upload that is unknown, at its end',
        404,
        'BLOB_UPLOAD_UNKNOWN',
        [`PUT ${unknownUpload}?digest=${digestOf('')}`, 'Content-Length: 5'],
      ],
      [
        'a chunk whose range is none',
        400,
        'BLOB_UPLOAD_INVALID',
        [`PATCH ${unknownUpload}`, 'Content-Length: 5', 'Content-Range: five'],
      ],
      [
        'a manifest that is too large',
        413,
        'MANIFEST_INVALID',
        ['PUT /v2/library/app/manifests/v1', `Content-Length: ${4 * MIB + 1}`],
      ],
      [
        'a tag that is none',
        400,
        'MANIFEST_INVALID',
        ['PUT /v2/library/app/manifests/-v1', 'Content-Length: 5'],
      ],
      [
        'a digest that is none',
        400,
        'DIGEST_INVALID',
        ['POST /v2/library/app/blobs/uploads/?digest=md5:0', 'Content-Length: 5'],
      ],
      ['a name that is none', 400, 'NAME_INVALID', ['PUT /v2/App/manifests/v1', 'Content-Length: 5']],
      ['a path that is none', 404, 'UNSUPPORTED', ['PUT /v2/library/app/nothing', 'Content-Length: 5']],
      ['a method that is none', 405, 'UNSUPPORTED', ['PUT /v2/library/app/tags/list', 'Content-Length: 5']],
    ];
    for (const [why, status, code, [line = '', ...fields]] of refusals) {
      it(`refuses ${why} at once, without the body, and closes`, async () => {
        const connection = await connect();
        connection.head(`${line} HTTP/1.1`, ...fields, 'Expect: 100-continue');
        const answer = await connection.answer();
        expect([answer.status, codeOf(answer)]).to.deep.equal([status, code]);
        expect(answer.headers.get('connection')).to.equal('close');
        await connection.closed();
      });
    }

    it('refuses bytes that do not belong at the end of the upload at once, and the upload stays', async () => {
      const upload = await beginUpload(registry, registry.newRepository());
      expectStatus(await registry.patch(upload, { body: 'hello' }), 202);
      for (const line of [`PATCH ${upload}`, `PUT ${upload}?digest=${digestOf('')}`]) {
        const connection = await connect();
        connection.head(
          `${line} HTTP/1.1`,
          'Content-Length: 5',
          'Content-Range: 9-13',
          'Expect: 100-continue',
        );
        const answer = await connection.answer();
        expect([answer.status, answer.headers.get('range')]).to.deep.equal([416, '0-4']);
        await connection.closed();
      }
      expect((await registry.get(upload)).headers.range).to.equal('0-4');
    });

    it('refuses who may not push at once', async () => {
      const guarded = await serve(
        {},
        plugin('auth-nobody', (hooks, name) => hooks.authenticate.tap(name, () => undefined)),
      );
      const connection = await connect(guarded);
      connection.head(
        'POST /v2/library/app/blobs/uploads/ HTTP/1.1',
        'Content-Length: 5',
        'Expect: 100-continue',
      );
      const answer = await connection.answer();
      expect([answer.status, codeOf(answer)]).to.deep.equal([401, 'UNAUTHORIZED']);
      await connection.closed();
    });
  });

  describe('on which a body is refused before it was read', () => {
    const refusals: readonly [title: string, status: number, line: string, bytes: number][] = [
      ['a 404', 404, `PATCH ${unknownUpload}`, MIB],
      ['a 413', 413, 'PUT /v2/library/app/manifests/v1', 4 * MIB + 1],
      ['a 400', 400, 'PUT /v2/App/manifests/v1', MIB],
      ['a 405', 405, 'PUT /v2/library/app/tags/list', MIB],
    ];
    for (const [title, status, line, bytes] of refusals) {
      it(`carries ${title} and can be used again`, async () => {
        const connection = await connect();
        connection.head(`${line} HTTP/1.1`, `Content-Length: ${bytes}`);
        connection.send(noise(bytes));
        expect((await connection.answer()).status).to.equal(status);
        await expectUsable(connection);
      });

      it(`carries ${title} when the body is chunked, and can be used again`, async () => {
        const connection = await connect();
        connection.head(`${line} HTTP/1.1`, 'Transfer-Encoding: chunked');
        for (let left = bytes; left > 0; left -= 65_536) {
          const chunk = noise(Math.min(left, 65_536));
          connection.send(`${chunk.length.toString(16)}\r\n`);
          connection.send(chunk);
          connection.send('\r\n');
        }
        connection.send('0\r\n\r\n');
        expect((await connection.answer()).status).to.equal(status);
        await expectUsable(connection);
      });

      it(`carries ${title} to the end although it is to be closed`, async () => {
        const connection = await connect();
        connection.head(`${line} HTTP/1.1`, `Content-Length: ${bytes}`, 'Connection: close');
        await connection.deliver(noise(bytes));
        const answer = await connection.answer();
        expect([answer.status, answer.headers.get('connection')]).to.deep.equal([status, 'close']);
        expect(answer.body).to.match(/^\{"errors":\[\{.*\}\]\}$/);
        await connection.closed();
      });
    }

    it('carries the error, then is cut when the client sends on and on', async () => {
      const connection = await connect();
      connection.head(`PATCH ${unknownUpload} HTTP/1.1`, `Content-Length: ${1024 * MIB}`);
      expect((await connection.answer()).status).to.equal(404);
      const piece = noise(MIB);
      for (let sent = 0; sent < 32; sent += 1) connection.send(piece);
      await connection.closed();
    });

    it('goes on after a body nobody has asked for', async () => {
      const connection = await connect();
      connection.head('GET /v2/ HTTP/1.1', 'Content-Length: 5');
      connection.send('hello');
      expect((await connection.answer()).status).to.equal(200);
      await expectUsable(connection);
    });
  });

  describe('carries answers', () => {
    it('to HEAD without a body, errors included', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      const { digest } = await pushBlob(registry, repository, 'a blob');
      await pushManifest(registry, repository, bareManifest('head'), 'v1');
      const paths: readonly [path: string, status: number][] = [
        ['/v2/', 200],
        [`/v2/${repository}/blobs/${digest}`, 200],
        [`/v2/${repository}/manifests/v1`, 200],
        [`/v2/${repository}/tags/list`, 200],
        [`/v2/${repository}/referrers/${digest}`, 200],
        ['/v2/_catalog', 200],
        [`/v2/${repository}/manifests/v2`, 404],
        [`/v2/${repository}/blobs/${digestOf('absent')}`, 404],
        ['/v2/nothing', 404],
        ['/v2/App/tags/list', 400],
        [`/v2/${repository}/blobs/uploads/`, 405],
      ];
      for (const [path, status] of paths) {
        connection.head(`HEAD ${path} HTTP/1.1`);
        const answer = await connection.answer({ toHead: true });
        expect([path, answer.status]).to.deep.equal([path, status]);
        expect(Number(answer.headers.get('content-length')), path).to.be.greaterThan(0);
      }
      // Whatever had come after one of the heads would have been taken for the next answer.
      expect(connection.rest).to.equal('');
      await expectUsable(connection);
    });

    it('in the order of requests that were sent in one go', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      const blob = await pushBlob(registry, repository, noise(300_000));
      const upload = await beginUpload(registry, repository);
      const host = 'Host: registry.example\r\n';
      connection.send(
        `GET /v2/${repository}/blobs/${blob.digest} HTTP/1.1\r\n${host}\r\n` +
          `PATCH ${upload} HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello` +
          `GET /v2/nothing HTTP/1.1\r\n${host}\r\n` +
          `HEAD /v2/ HTTP/1.1\r\n${host}\r\n`,
      );
      expect((await connection.answer()).headers.get('content-length')).to.equal('300000');
      const patched = await connection.answer();
      expect([patched.status, patched.headers.get('range')]).to.deep.equal([202, '0-4']);
      expect((await connection.answer()).status).to.equal(404);
      expect((await connection.answer({ toHead: true })).status).to.equal(200);
    });

    it('and closes when it is told to', async () => {
      const connection = await connect();
      connection.head('GET /v2/ HTTP/1.1', 'Connection: close');
      const answer = await connection.answer();
      expect([answer.status, answer.headers.get('connection')]).to.deep.equal([200, 'close']);
      await connection.closed();
    });

    it('to HTTP/1.0', async () => {
      const connection = await connect();
      connection.head('GET /v2/ HTTP/1.0');
      expect((await connection.answer()).status).to.equal(200);
      await connection.closed();
    });
  });

  describe('carries requests', () => {
    it('whose line names the whole URL', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      connection.head(
        `POST http://registry.example/v2/${repository}/blobs/uploads/ HTTP/1.1`,
        'Content-Length: 0',
      );
      const location = (await connection.answer()).headers.get('location') ?? '';
      expect(location).to.match(new RegExp(`^/v2/${repository}/blobs/uploads/`));
      const digest = digestOf('hello');
      connection.head(
        `PUT HTTPS://registry.example${location}?digest=${digest} HTTP/1.1`,
        'Content-Length: 5',
      );
      connection.send('hello');
      const answer = await connection.answer();
      expect([answer.status, answer.headers.get('location')]).to.deep.equal([
        201,
        `/v2/${repository}/blobs/${digest}`,
      ]);
    });

    it('whose body comes in chunks of every size, with extensions and trailers', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      const { bytes, digest, mediaType } = bareManifest('chunked');
      connection.head(
        `PUT /v2/${repository}/manifests/v1 HTTP/1.1`,
        `Content-Type: ${mediaType}`,
        'Transfer-Encoding: chunked',
        'Trailer: X-Checksum',
      );
      for (let at = 0, size = 1; at < bytes.length; at += size, size += 1) {
        const chunk = bytes.subarray(at, at + size);
        connection.send(Buffer.concat([Buffer.from(`${chunk.length.toString(16)};a=b\r\n`), chunk]));
        connection.send('\r\n');
      }
      connection.send('0\r\nX-Checksum: none\r\n\r\n');
      expect((await connection.answer()).status).to.equal(201);
      const stored = await registry.get(`/v2/${repository}/manifests/v1`);
      expect(stored.body.equals(bytes)).to.equal(true);
      expect(stored.headers['docker-content-digest']).to.equal(digest);
      await expectUsable(connection);
    });

    it('with Accept in many lines', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      const { bytes } = await pushManifest(registry, repository, bareManifest('accepted'), 'v1');
      for (const method of ['HEAD', 'GET']) {
        connection.head(
          `${method} /v2/${repository}/manifests/v1 HTTP/1.1`,
          `Accept: ${types.index}`,
          `Accept: ${types.dockerManifest}, ${types.manifest}`,
          'Accept: */*',
        );
        const answer = await connection.answer({ toHead: method === 'HEAD' });
        expect([answer.status, answer.headers.get('content-type')]).to.deep.equal([200, types.manifest]);
        if (method === 'GET') expect(answer.body).to.equal(bytes.toString());
      }
    });

    it('without length and transfer coding, which is a body of no bytes', async () => {
      const connection = await connect();
      const repository = registry.newRepository();
      connection.head(`POST /v2/${repository}/blobs/uploads/ HTTP/1.1`);
      const location = (await connection.answer()).headers.get('location') ?? '';
      expectStatus(await registry.patch(location, { body: 'hello' }), 202);
      // The second time as for a client that did not hear the first answer.
      for (let time = 0; time < 2; time += 1) {
        connection.head(`PUT ${location}?digest=${digestOf('hello')} HTTP/1.1`);
        expect((await connection.answer()).status).to.equal(201);
      }
      connection.head(`POST /v2/${repository}/blobs/uploads/?digest=${digestOf('')} HTTP/1.1`);
      expect((await connection.answer()).status).to.equal(201);
      connection.head(`PUT /v2/${repository}/manifests/v1 HTTP/1.1`, `Content-Type: ${types.manifest}`);
      expect(codeOf(await connection.answer())).to.equal('MANIFEST_INVALID');
    });

    it('with trailing and doubled slashes on uploads', async () => {
      for (const slashes of ['', '/', '//']) {
        const repository = registry.newRepository();
        const begun = await registry.post(`/v2/${repository}/blobs/uploads${slashes}`);
        const upload = `${expectStatus(begun, 202).headers.location ?? ''}${slashes}`;
        expectStatus(await registry.patch(upload, { body: 'hel' }), 202);
        expectStatus(await registry.get(upload), 204);
        expectStatus(await registry.put(`${upload}?digest=${digestOf('hello')}`, { body: 'lo' }), 201);
        const other = await beginUpload(registry, repository);
        expectStatus(await registry.delete(`${other}${slashes}`), 204);
      }
    });
  });

  describe('on which framing is ambiguous or broken', () => {
    const smuggled = 'DELETE /v2/library/app/manifests/v1 HTTP/1.1\r\nHost: registry.example\r\n\r\n';
    const broken: readonly [why: string, request: string][] = [
      [
        'a length and a transfer coding',
        `PUT /v2/library/app/manifests/v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      ],
      [
        'two lengths',
        `PUT /v2/library/app/manifests/v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd${smuggled}`,
      ],
      [
        'a length that is no number',
        `PUT /v2/library/app/manifests/v2 HTTP/1.1\r\nHost: a\r\nContent-Length: four\r\n\r\nabcd${smuggled}`,
      ],
      [
        'a negative length',
        `PUT /v2/library/app/manifests/v2 HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\nabcd${smuggled}`,
      ],
      ['a method nobody knows', `BREW /v2/ HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`],
      ['a name with a space', `GET /v2/ HTTP/1.1\r\nHost : a\r\n\r\n${smuggled}`],
    ];
    for (const [why, request] of broken) {
      it(`refuses ${why} and closes, and runs nothing of what follows`, async () => {
        await pushManifest(registry, 'library/app', bareManifest('framing'), 'v1');
        const connection = await connect();
        connection.send(request);
        const answer = await connection.answer();
        expect([answer.status, codeOf(answer)]).to.deep.equal([400, 'UNSUPPORTED']);
        await connection.closed();
        expect(connection.rest).to.equal('');
        expectStatus(await registry.head('/v2/library/app/manifests/v1'), 200);
      });
    }

    it('refuses a chunk that is longer than it says, and stores nothing of it', async () => {
      const repository = registry.newRepository();
      const connection = await connect();
      connection.head(
        `PUT /v2/${repository}/manifests/v1 HTTP/1.1`,
        `Content-Type: ${types.manifest}`,
        'Transfer-Encoding: chunked',
      );
      connection.send('2\r\n{"layers":[]}\r\n0\r\n\r\n');
      await connection.closed();
      expectStatus(await registry.head(`/v2/${repository}/manifests/v1`), 404);
    });
  });
});
