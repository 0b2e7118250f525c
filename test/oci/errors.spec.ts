import { expect } from 'chai';
import { StorageError, type StorageDriver, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { expectEmpty, expectError, jsonOf } from './answers.ts';
import { bareManifest, digestOf, noise } from './content.ts';
import { beginUpload, expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';
import { withPartSize } from './storage-view.ts';

const digest = digestOf('');
const upload = '/v2/library/app/blobs/uploads/0199ffff-0000-7000-8000-000000000000';

onEachStorage('An error', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve();
  });

  describe('for a path that is no endpoint', () => {
    const paths = [
      '/',
      '/v1/',
      '/v3/',
      '/favicon.ico',
      '/V2/',
      '/v2a/',
      '/v2/library',
      '/v2/library/app',
      '/v2/library/app/',
      '/v2/library/app/tags',
      '/v2/library/app/tags/',
      '/v2/library/app/tags/lists',
      '/v2/library/app/tags/list/',
      '/v2/library/app/manifests',
      '/v2/library/app/manifests/',
      '/v2/library/app/manifests/v1/',
      '/v2/library/app/blobs/',
      '/v2/library/app/referrers/',
      '/v2/library/app/uploads/x',
      '/v2/_catalogue',
      '/v2/_catalog/x',
      '/v2//',
    ];
    for (const path of paths) {
      it(`is a 404 with the error body of the spec: ${path}`, async () => {
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
          expectError(await registry.ask(method, path), 404, 'UNSUPPORTED');
        }
        expectEmpty(await registry.head(path), 404);
      });
    }
  });

  describe('for a method that an endpoint does not have', () => {
    const endpoints: readonly [path: string, allowed: readonly string[]][] = [
      ['/v2/', ['GET', 'HEAD']],
      ['/v2/_catalog', ['GET', 'HEAD']],
      ['/v2/library/app/tags/list', ['GET', 'HEAD']],
      ['/v2/library/app/manifests/v1', ['GET', 'HEAD', 'PUT', 'DELETE']],
      [`/v2/library/app/blobs/${digest}`, ['GET', 'HEAD', 'DELETE']],
      ['/v2/library/app/blobs/uploads/', ['POST']],
      [upload, ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']],
      [`/v2/library/app/referrers/${digest}`, ['GET', 'HEAD']],
    ];
    const methods = [
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'MKCOL',
    ];
    for (const [path, allowed] of endpoints) {
      it(`is a 405 that says what may be done: ${path}`, async () => {
        for (const method of methods.filter((each) => !allowed.includes(each))) {
          const answer = await registry.ask(method, path);
          if (method === 'HEAD') expectEmpty(answer, 405);
          else expectError(answer, 405, 'UNSUPPORTED');
          expect(String(answer.headers.allow).split(', ')).to.have.members([...allowed]);
        }
      });
    }
  });

  it('has the error body of the spec for whatever is asked in vain', async () => {
    expectError(await registry.get('/v2/library/app/tags/list'), 404, 'NAME_UNKNOWN');
    expectError(await registry.get('/v2/library/app/manifests/v1'), 404, 'MANIFEST_UNKNOWN');
    expectError(await registry.get(`/v2/library/app/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    expectError(await registry.get(upload), 404, 'BLOB_UPLOAD_UNKNOWN');
    expectError(await registry.get('/v2/APP/tags/list'), 400, 'NAME_INVALID');
    expectError(await registry.get('/v2/app/blobs/sha256:0'), 400, 'DIGEST_INVALID');
  });

  it('has one entry for each detail', async () => {
    const missing = [digestOf('one'), digestOf('two')];
    const layers = missing.map((each) => ({ digest: each, size: 1 }));
    const answer = await putManifest(registry, 'library/app', 'v1', bareManifest('x', { layers }));
    const details = expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
    expect(details).to.have.deep.members(missing.map((each) => ({ digest: each })));
  });

  it('has the length of its body, and none where it is asked for by HEAD', async () => {
    const path = '/v2/library/app/manifests/v1';
    const [got, asked] = [await registry.get(path), await registry.head(path)];
    expectError(got, 404, 'MANIFEST_UNKNOWN');
    expectEmpty(asked, 404);
    expect(asked.headers['content-length']).to.equal(String(got.body.length));
    expect(asked.headers['content-type']).to.equal('application/json');
  });

  describe('and every other answer', () => {
    it('carries an id of its request', async () => {
      const ids = new Set<unknown>();
      for (const path of ['/v2/', '/v2/nothing', '/v2/library/app/manifests/v1']) {
        for (let time = 0; time < 2; time += 1) ids.add((await registry.get(path)).headers['x-request-id']);
      }
      expect(ids.size).to.equal(6);
      for (const id of ids) expect(id).to.match(/^[0-9a-f-]{36}$/);
    });

    it('carries the id a trusted proxy has sent, if it is one', async () => {
      const trusting = await serve({ http: { trustedProxies: ['127.0.0.1'] } });
      for (const id of ['abc', '4bf92f3577b34da6', 'a.b:c/d=+_-1', 'x'.repeat(128)]) {
        for (const path of ['/v2/', '/v2/nothing']) {
          expect((await trusting.get(path, { 'x-request-id': id })).headers['x-request-id']).to.equal(id);
        }
      }
      for (const id of ['a b', '<script>', '"', '', 'x'.repeat(129), 'a,b', '{}']) {
        const { headers } = await trusting.get('/v2/', { 'x-request-id': id });
        expect(headers['x-request-id']).to.match(/^[0-9a-f-]{36}$/);
      }
    });

    it('carries no id that anybody else has sent', async () => {
      const { headers } = await registry.get('/v2/', { 'x-request-id': 'abc' });
      expect(headers['x-request-id']).to.match(/^[0-9a-f-]{36}$/);
    });
  });

  describe('of the storage', () => {
    /** Whether calls of the driver fail, and how. */
    let failure: StorageErrorCode | 'bug' | undefined;
    let broken: ServedRegistry;
    const name = 'library/broken';
    const manifest = bareManifest('broken');
    before(async () => {
      broken = await serve(
        {},
        plugin('faults', (hooks, tap) =>
          hooks.wrapStorage.tap(tap, (driver) => failing(driver, () => failure)),
        ),
      );
      await pushManifest(broken, name, manifest, 'v1');
      await pushBlob(broken, name, noise(100_000));
    });
    afterEach(() => {
      failure = undefined;
    });

    const requests: readonly [title: string, method: string, path: string, body?: string][] = [
      ['a manifest', 'GET', `/v2/${name}/manifests/v2`],
      ['a blob', 'GET', `/v2/${name}/blobs/${digestOf(noise(100_000))}`],
      ['a blob that is absent', 'GET', `/v2/${name}/blobs/${digest}`],
      ['the tags', 'GET', `/v2/${name}/tags/list`],
      ['the catalog', 'GET', '/v2/_catalog'],
      ['referrers', 'GET', `/v2/${name}/referrers/${digest}`],
      ['a push of a blob', 'POST', `/v2/${name}/blobs/uploads/?digest=${digestOf('x')}`, 'x'],
      ['a mount', 'POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=library/other`],
      ['a push of a manifest', 'PUT', `/v2/${name}/manifests/v3`, manifest.bytes.toString()],
      ['a delete of a tag', 'DELETE', `/v2/${name}/manifests/v1`],
      ['a delete of a blob', 'DELETE', `/v2/${name}/blobs/${digest}`],
    ];
    for (const [title, method, path, body] of requests) {
      it(`while it is down is a 503 for ${title}, never a 404, and says when to try again`, async () => {
        failure = 'UNAVAILABLE';
        const headers = { 'content-type': manifest.mediaType };
        const answer = await broken.ask(method, path, { headers, ...(body === undefined ? {} : { body }) });
        const details = expectError(answer, 503, 'UNAVAILABLE');
        expect(details).to.deep.equal([{ requestId: answer.headers['x-request-id'] }]);
        expect(answer.headers['retry-after']).to.equal('5');
        expect(answer.body.toString()).to.not.include('/secret/path');
      });

      it(`that nobody has foreseen is a 500 for ${title} that tells nothing but the id of the request`, async () => {
        failure = 'bug';
        const headers = { 'content-type': manifest.mediaType };
        const answer = await broken.ask(method, path, { headers, ...(body === undefined ? {} : { body }) });
        const details = expectError(answer, 500, 'UNKNOWN');
        expect(details).to.deep.equal([{ requestId: answer.headers['x-request-id'] }]);
        expect(answer.body.toString()).to.not.match(/secret|stack|TypeError|\.ts/);
      });
    }

    it('that is full is a 507', async () => {
      failure = 'NO_SPACE';
      const push = `/v2/${name}/blobs/uploads/?digest=${digestOf('x')}`;
      expectError(await broken.post(push, { body: 'x' }), 507, 'INSUFFICIENT_STORAGE');
      expectError(await putManifest(broken, name, 'v9', bareManifest('full')), 507, 'INSUFFICIENT_STORAGE');
    });

    it('passes: what was asked in vain works as soon as it is back', async () => {
      const bytes = noise(200_000, 3);
      const path = await beginUpload(broken, name);
      expectStatus(await broken.patch(path, { body: bytes.subarray(0, 100_000) }), 202);
      failure = 'UNAVAILABLE';
      const last = { body: bytes.subarray(100_000) };
      expectError(await broken.put(`${path}?digest=${digestOf(bytes)}`, last), 503, 'UNAVAILABLE');
      failure = undefined;
      const { range } = expectStatus(await broken.get(path), 204).headers;
      expect(range).to.equal('0-99999');
      expectStatus(await broken.put(`${path}?digest=${digestOf(bytes)}`, last), 201);
      expectStatus(await broken.get(`/v2/${name}/manifests/v1`), 200);
    });
  });

  it('is no surprise to JSON parsers: it is UTF-8 and has no byte-order mark', async () => {
    const answer = await registry.get('/v2/library/app/manifests/caf%C3%A9');
    expect(jsonOf(answer)).to.have.property('errors');
    expect(Buffer.from(answer.body.toString()).equals(answer.body)).to.equal(true);
  });
});

/** The driver, failing whenever `failure` says so. */
function failing(driver: StorageDriver, failure: () => StorageErrorCode | 'bug' | undefined): StorageDriver {
  const guard = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const code = failure();
    if (code === 'bug') throw new TypeError('a bug in /secret/path');
    if (code !== undefined) throw new StorageError(code, 'the disk under /secret/path is gone');
    return work();
  };
  return {
    ...withPartSize(driver, driver.partSize(0)),
    read: (key, known) => guard(() => driver.read(key, known)),
    write: (key, bytes, options) => guard(() => driver.write(key, bytes, options)),
    delete: (key, options) => guard(() => driver.delete(key, options)),
    list: (prefix, options) => guard(() => driver.list(prefix, options)),
    open: (key, range) => guard(() => driver.open(key, range)),
    size: (key) => guard(() => driver.size(key)),
    createUpload: (key) => guard(() => driver.createUpload(key)),
    uploadPart: (unfinished, part) => guard(() => driver.uploadPart(unfinished, part)),
    completeUpload: (unfinished, last) => guard(() => driver.completeUpload(unfinished, last)),
  };
}
