import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createRegistry, type Registry } from '@entrepot/core';
import { expect } from 'chai';
import { expectError, namesOf, nextPageOf } from './answers.ts';
import { bareManifest, digestOf, indexOf } from './content.ts';
import { HttpClient } from './http-client.ts';
import { expectStatus, locationOf } from './pushes.ts';
import { storages, type Backend } from './storages.ts';

for (const storage of storages) {
  describe(`A registry behind another server [${storage.name}]`, () => {
    let registry: Registry;
    let backend: Backend;
    const endings: (() => void)[] = [];
    before(async () => {
      backend = await storage.open();
      registry = await createRegistry({ log: { level: 'silent' }, plugins: [backend.plugin] });
      await registry.open();
    });
    afterEach(() => {
      for (const end of endings.splice(0)) end();
    });
    after(async () => {
      await registry.stop();
      await backend.remove();
    });

    /** A client of a server that passes requests on as `listener` has it. */
    async function behind(listener: RequestListener): Promise<HttpClient> {
      const server = createServer(listener).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no port');
      const client = new HttpClient(`http://127.0.0.1:${address.port}`);
      endings.push(() => {
        client.close();
        server.close();
        server.closeAllConnections();
      });
      return client;
    }

    /** Pushes, lists and pulls under `prefix`, following every path the registry gives. */
    async function expectWhole(client: HttpClient, prefix: string, headers = {}): Promise<void> {
      const root = `${prefix}/v2/library/app`;
      const bytes = Buffer.from(`under ${prefix}`);
      const digest = digestOf(bytes);
      const begun = expectStatus(await client.post(`${root}/blobs/uploads/`, { headers }), 202);
      expect(locationOf(begun.headers).startsWith(`${root}/blobs/uploads/`)).to.equal(true);
      const patched = await client.patch(locationOf(begun.headers), { headers, body: bytes });
      expect(locationOf(expectStatus(patched, 202).headers)).to.equal(locationOf(begun.headers));
      const status = expectStatus(await client.get(locationOf(patched.headers), headers), 204);
      const finished = await client.put(`${locationOf(status.headers)}?digest=${digest}`, { headers });
      expect(locationOf(expectStatus(finished, 201).headers)).to.equal(`${root}/blobs/${digest}`);
      const pulled = await client.get(locationOf(finished.headers), headers);
      expect(expectStatus(pulled, 200).body.equals(bytes)).to.equal(true);

      for (const tag of ['a', 'b']) {
        const { mediaType, bytes: body } = bareManifest(tag);
        const typed = { ...headers, 'content-type': mediaType };
        const put = expectStatus(await client.put(`${root}/manifests/${tag}`, { headers: typed, body }), 201);
        expect(locationOf(put.headers)).to.equal(`${root}/manifests/${tag}`);
        expectStatus(await client.get(locationOf(put.headers), headers), 200);
      }
      const page = await client.get(`${root}/tags/list?n=1`, headers);
      expect(namesOf(page, 'tags')).to.deep.equal(['a']);
      const next = nextPageOf(page) ?? '';
      expect(next.startsWith(`${root}/tags/list?`)).to.equal(true);
      expect(namesOf(await client.get(next, headers), 'tags')).to.deep.equal(['b']);

      const subject = bareManifest('a');
      for (const name of ['x', 'y']) {
        const index = indexOf([], { subject: { ...subject, bytes: 0, size: 1 }, name });
        const typed = { ...headers, 'content-type': index.mediaType };
        const path = `${root}/manifests/${index.digest}`;
        expectStatus(await client.put(path, { headers: typed, body: index.bytes }), 201);
      }
      const referrers = await client.get(`${root}/referrers/${subject.digest}?n=1`, headers);
      expect((nextPageOf(referrers) ?? '').startsWith(`${root}/referrers/`)).to.equal(true);
    }

    it('is a listener like any other', async () => {
      await expectWhole(await behind(registry.handler), '');
    });

    it('under a path gives paths that begin with it, when the server keeps the whole URL as Express does', async () => {
      const client = await behind((request, response) => {
        const { url = '' } = request;
        Object.assign(request, { originalUrl: url, url: url.replace(/^\/images/, '') });
        registry.handler(request, response);
      });
      await expectWhole(client, '/images');
    });

    it('under a path gives paths that begin with it, when the proxy names what it has taken off', async () => {
      const client = await behind((request, response) => {
        request.url = (request.url ?? '').replace(/^\/deep\/images/, '');
        request.headers['x-forwarded-prefix'] = '/deep/images/';
        registry.handler(request, response);
      });
      await expectWhole(client, '/deep/images');
    });

    it('takes no prefix that is not a plain path', async () => {
      const client = await behind(registry.handler);
      const odd = [
        '//evil.example',
        'https://evil.example',
        '/a b',
        '/a?b',
        '/a"b',
        'a',
        '',
        '/..%2f',
        '/a//b',
      ];
      for (const prefix of odd) {
        const headers = { 'x-forwarded-prefix': prefix };
        const begun = await client.post('/v2/library/app/blobs/uploads/', { headers });
        expect(locationOf(expectStatus(begun, 202).headers).startsWith('/v2/')).to.equal(true);
      }
    });

    it('answers errors of its own under the path of the other server', async () => {
      const client = await behind((request, response) => {
        request.url = (request.url ?? '').replace(/^\/images/, '');
        registry.handler(request, response);
      });
      expectError(await client.get('/images/v2/library/app/manifests/none'), 404, 'MANIFEST_UNKNOWN');
      expectError(await client.get('/images/v1/'), 404, 'UNSUPPORTED');
    });

    it('shares its content with every server it is behind', async () => {
      const [one, two] = [await behind(registry.handler), await behind(registry.handler)];
      const begun = await one.post('/v2/library/app/blobs/uploads/');
      expectStatus(await two.patch(locationOf(begun.headers), { body: 'hello' }), 202);
      const finished = await one.put(`${locationOf(begun.headers)}?digest=${digestOf('hello')}`);
      expectStatus(await two.get(locationOf(expectStatus(finished, 201).headers)), 200);
    });
  });
}
