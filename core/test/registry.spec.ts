import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { RegistryError, type MiddlewareRouter, type Plugin, type PluginHandle } from '@entrepot/plugin-sdk';
import storageMemory, { Memory, MemoryDriver } from '@entrepot/storage-memory';
import type { RegistryConfig } from '../src/config/define-config.ts';
import { createRegistry, type Registry } from '../src/registry.ts';
import { keepLog, type KeptLog } from './plugins/log-lines.ts';
import { plugin } from './plugins/sample-plugins.ts';
import { openConnection } from './raw-connection.ts';
import { rejectionOf } from './rejection.ts';

describe('A registry', () => {
  const running: Registry[] = [];
  let kept: KeptLog;
  beforeEach(async () => {
    kept = await keepLog();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
  });

  async function create(config: RegistryConfig = {}, plugins: readonly Plugin[] = []): Promise<Registry> {
    const registry = await createRegistry(
      { ...config, http: { port: 0, ...config.http }, plugins: [storageMemory(), ...plugins] },
      { log: kept.log },
    );
    running.push(registry);
    return registry;
  }
  async function serve(config: RegistryConfig = {}, ...plugins: readonly Plugin[]) {
    const registry = await create(config, plugins);
    return { registry, ...(await registry.start()) };
  }
  const routes = (tap: (router: MiddlewareRouter) => void): Plugin =>
    plugin('routes', ({ name, hooks }) => hooks.middleware.tap(name, tap));
  const handled = (name: string, handle: PluginHandle): Plugin => plugin(name, () => handle);
  const messages = (): unknown[] => kept.lines.map(({ msg }) => msg);

  describe('once it is started', () => {
    it('serves the API on the address it tells', async () => {
      const { registry, host, port, url } = await serve();
      expect(url).to.equal(`http://127.0.0.1:${port}`);
      expect(registry.address).to.deep.equal({ host, port, url });
      const answer = await fetch(`${url}/v2/`);
      expect([answer.status, await answer.text()]).to.deep.equal([200, '{}']);
    });

    it('tells the log where it serves, with which storage and which plugins', async () => {
      const { url } = await serve({}, plugin('metrics'));
      expect(kept.lines.find(({ msg }) => msg === 'the registry serves')).to.deep.include({
        url,
        storage: 'storage-memory',
        plugins: ['storage-memory', 'metrics'],
      });
    });

    it('warns when all the world may push, and only then', async () => {
      const warning = 'everyone who reaches this address may push and delete: no plugin asks who they are';
      await serve();
      expect(messages()).to.not.include(warning);
      await serve(
        { http: { host: '0.0.0.0' } },
        plugin('auth-static', ({ name, hooks }) => hooks.authenticate.tap(name, () => undefined)),
      );
      expect(messages()).to.not.include(warning);
      await serve({ http: { host: '0.0.0.0' } });
      expect(messages()).to.include(warning);
    });

    it('is the same start when asked again', async () => {
      const { registry, url } = await serve();
      expect((await registry.start()).url).to.equal(url);
    });

    it("answers paths that are nobody's with the error body of the spec", async () => {
      const { url } = await serve();
      for (const path of ['/', '/v1/', '/v2x', '/livez/', '/%00']) {
        const answer = await fetch(url + path);
        expect(answer.status).to.equal(404);
        expect(answer.headers.get('content-type')).to.equal('application/json');
        expect(await answer.json()).to.have.nested.property('errors[0].code', 'UNSUPPORTED');
      }
    });

    it('understands a request line that names the whole URL', async () => {
      const { url } = await serve();
      const connection = await openConnection(url);
      connection.send(`GET ${url}/v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(await connection.received).to.match(/^HTTP\/1\.1 200 /);
    });
  });

  describe('is not made', () => {
    it('without a storage, and says how to get one', async () => {
      const error = await rejectionOf(createRegistry({ log: { level: 'silent' } }));
      expect(error.message)
        .to.include('no plugin gives a storage')
        .and.include('@entrepot/storage-filesystem');
    });

    it('with two storages, and names both', async () => {
      const second = plugin('storage-second', ({ name, hooks }) =>
        hooks.storage.tap(name, () => new MemoryDriver(new Memory(1))),
      );
      const error = await rejectionOf(create({}, [second]));
      expect(error.message).to.equal(
        'more than one plugin gives a storage: storage-memory, storage-second; keep one of them in plugins',
      );
    });

    it('of a configuration with mistakes', async () => {
      const error = await rejectionOf(create({ http: { port: 70_000 } }));
      expect(error.message).to.equal('config: http.port must be <= 65535');
    });

    it('when a tap of middleware throws, and names the plugin', async () => {
      const failing = routes(() => {
        throw new Error('no such route');
      });
      expect((await rejectionOf(create({}, [failing]))).message).to.equal(
        "plugin routes fails in the hook 'middleware': no such route",
      );
    });
  });

  describe('does not start', () => {
    it('on a port in use; it says so and stops its plugins again', async () => {
      const { port } = await serve();
      const notes: string[] = [];
      const registry = await create({ http: { port } }, [
        handled('metrics', { stop: async () => void notes.push('stopped') }),
      ]);
      const error = await rejectionOf(registry.start());
      expect(error.message).to.equal(
        `port ${port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port or http.port`,
      );
      expect(notes).to.deep.equal(['stopped']);
      expect((await registry.health()).state).to.equal('stopped');
    });

    it("on an address that is not the machine's", async () => {
      const registry = await create({ http: { host: '192.0.2.1' } });
      expect((await rejectionOf(registry.start())).message).to.equal(
        '192.0.2.1 is no address of this machine; correct --host or http.host',
      );
    });

    it('when a plugin does not, and does not listen before', async () => {
      const failing = handled('storage-s3', {
        start: async () => {
          throw new Error('access denied');
        },
      });
      const registry = await create({}, [failing]);
      expect((await rejectionOf(registry.start())).message).to.equal(
        'plugin storage-s3 could not be started: access denied',
      );
      expect(registry.address).to.equal(undefined);
    });

    it('again after it was stopped', async () => {
      const registry = await create();
      await registry.stop();
      expect((await rejectionOf(registry.start())).message).to.include('has been stopped');
    });
  });

  describe('tells its health', () => {
    it('alive at /livez without asking plugins, also when they are ill', async () => {
      const { url } = await serve({}, handled('ill', { health: () => Promise.reject(new Error('ill')) }));
      expect((await fetch(`${url}/livez`)).status).to.equal(200);
    });

    it('ready at /readyz when every plugin is well', async () => {
      const { url } = await serve({}, handled('metrics', { health: async () => undefined }));
      const answer = await fetch(`${url}/readyz`);
      expect([answer.status, answer.headers.get('cache-control')]).to.deep.equal([200, 'no-store']);
      expect(await answer.json()).to.deep.equal({
        ready: true,
        state: 'running',
        plugins: [
          { name: 'storage-memory', healthy: true },
          { name: 'metrics', healthy: true },
        ],
      });
    });

    it('not ready when a plugin is ill, naming it; the reason is for the log, and told there once', async () => {
      const { registry, url } = await serve(
        {},
        handled('auth-ldap', { health: () => Promise.reject(new Error('no route to host')) }),
      );
      const answer = await fetch(`${url}/readyz`);
      expect(answer.status).to.equal(503);
      expect(await answer.json()).to.deep.include({
        ready: false,
        plugins: [
          { name: 'storage-memory', healthy: true },
          { name: 'auth-ldap', healthy: false },
        ],
      });
      expect((await registry.health()).plugins.at(-1)).to.include({ reason: 'no route to host' });
      await fetch(`${url}/readyz`);
      const told = kept.lines.filter(({ msg }) => msg === 'plugins are not well: the registry is not ready');
      expect(told).to.have.lengthOf(1);
      expect(JSON.stringify(told)).to.include('no route to host');
    });
  });

  describe('with plugins that have routes and middleware', () => {
    it('serves their routes, behind the probes and in front of the registry', async () => {
      const { url } = await serve(
        {},
        routes((router) => {
          router.use((_request, response, next) => {
            response.setHeader('x-seen', 'yes');
            next();
          });
          router.get('/metrics', (_request, response) => void response.end('up 1'));
        }),
      );
      const [metrics, base, live, none] = await Promise.all(
        ['/metrics', '/v2/', '/livez', '/none'].map((path) => fetch(url + path)),
      );
      expect(await metrics?.text()).to.equal('up 1');
      expect([base?.status, base?.headers.get('x-seen')]).to.deep.equal([200, 'yes']);
      expect([live?.status, live?.headers.get('x-seen')]).to.deep.equal([200, null]);
      expect([none?.status, none?.headers.get('x-seen')]).to.deep.equal([404, 'yes']);
      expect(base?.headers.get('x-powered-by')).to.equal(null);
    });

    it('answers what they throw with the error body of the spec, and keeps the reason of a 500 for the log', async () => {
      const { url } = await serve(
        {},
        routes((router) => {
          router.get('/limited', () => {
            throw new RegistryError('TOOMANYREQUESTS', 'slow down');
          });
          router.get('/broken', () => {
            throw new Error('secret of /etc/users');
          });
          router.get('/item/:id', (_request, response) => void response.end());
        }),
      );
      const limited = await fetch(`${url}/limited`);
      expect([limited.status, await limited.json()]).to.deep.equal([
        429,
        { errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] },
      ]);
      const broken = await fetch(`${url}/broken`);
      const text = await broken.text();
      expect(broken.status).to.equal(500);
      expect(text).to.include('"code":"UNKNOWN"').and.not.include('secret');
      const line = kept.lines.find(({ msg }) => msg === 'a request has failed');
      expect(line).to.have.nested.property('err.message', 'secret of /etc/users');
      expect(text).to.include(String(line?.['reqId']));
      expect(broken.headers.get('x-request-id')).to.equal(line?.['reqId']);
      expect((await fetch(`${url}/item/%zz`)).status).to.equal(400);
    });
  });

  describe('when it stops', () => {
    /** A registry whose `/slow` answers when told to. */
    async function serveSlowly(config: RegistryConfig, ...others: readonly Plugin[]) {
      const arrived = Promise.withResolvers<{ request: IncomingMessage; response: ServerResponse }>();
      const slow = routes((router) => {
        router.use('/slow', (request, response) => arrived.resolve({ request, response }));
      });
      return { ...(await serve(config, slow, ...others)), arrived: arrived.promise };
    }

    it('lets a request in flight finish, tells the client to close, and is not ready meanwhile', async () => {
      const { registry, url, arrived } = await serveSlowly({});
      const asked = fetch(`${url}/slow`);
      const { response } = await arrived;
      const stopped = registry.stop();
      const health = await registry.health();
      expect([health.ready, health.state]).to.deep.equal([false, 'stopping']);
      response.end('done');
      const answer = await asked;
      expect([answer.status, answer.headers.get('connection')]).to.deep.equal([200, 'close']);
      expect(await answer.text()).to.equal('done');
      await stopped;
      expect((await registry.health()).state).to.equal('stopped');
    });

    it('goes on with http.stopDelay, not ready and without keeping connections, so that balancers notice', async () => {
      const { registry, url } = await serve({ http: { stopDelay: 0.2 } });
      const stopped = registry.stop();
      const ready = await fetch(`${url}/readyz`);
      expect([ready.status, ready.headers.get('connection')]).to.deep.equal([503, 'close']);
      expect(await ready.json()).to.deep.include({ ready: false, state: 'stopping' });
      expect((await fetch(`${url}/v2/`)).status).to.equal(200);
      await stopped;
      expect((await rejectionOf(fetch(`${url}/v2/`))).message).to.equal('fetch failed');
    });

    it('takes no new connections, and closes those that are idle', async () => {
      const { registry, url, arrived } = await serveSlowly({});
      const idle = await openConnection(url);
      idle.send('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
      await idle.until('alive');
      const asked = fetch(`${url}/slow`);
      const { response } = await arrived;
      const stopped = registry.stop();
      await idle.received;
      expect(Reflect.get(Object((await rejectionOf(fetch(`${url}/livez`))).cause), 'code')).to.equal(
        'ECONNREFUSED',
      );
      response.end();
      await asked;
      await stopped;
    });

    it('cuts what has not finished in time, and says how many', async () => {
      const { registry, url, arrived } = await serveSlowly({ http: { drainTimeout: 0.01 } });
      const asked = rejectionOf(fetch(`${url}/slow`));
      await arrived;
      await registry.stop();
      expect((await asked).message).to.equal('fetch failed');
      expect(kept.lines.find(({ msg }) => msg === 'requests in flight were cut')).to.deep.include({
        requests: 1,
      });
    });

    it('stops the plugins in reverse, once HTTP has drained', async () => {
      const notes: string[] = [];
      const noting = (name: string): Plugin => handled(name, { stop: async () => void notes.push(name) });
      const { registry, url, arrived } = await serveSlowly({}, noting('a'), noting('b'));
      const asked = fetch(`${url}/slow`);
      const { response } = await arrived;
      response.once('close', () => notes.push('answered'));
      const stopped = registry.stop();
      response.end();
      await Promise.all([asked, stopped]);
      expect(notes).to.deep.equal(['answered', 'b', 'a']);
    });

    it('stops once, however often it is asked', async () => {
      const notes: string[] = [];
      const { registry } = await serve({}, handled('a', { stop: async () => void notes.push('stopped') }));
      await Promise.all([registry.stop(), registry.stop()]);
      await registry.stop();
      expect(notes).to.deep.equal(['stopped']);
    });

    it('waits for a start that is under way, and stops what it has started', async () => {
      const notes: string[] = [];
      const starting = Promise.withResolvers<void>();
      const registry = await create({}, [
        handled('a', { start: () => starting.promise, stop: async () => void notes.push('stopped') }),
      ]);
      const started = registry.start();
      const stopped = registry.stop();
      starting.resolve();
      const { url } = await started;
      await stopped;
      expect(notes).to.deep.equal(['stopped']);
      expect((await rejectionOf(fetch(`${url}/livez`))).message).to.equal('fetch failed');
    });
  });

  describe('keeps its connections in order:', () => {
    it('what is no HTTP is a 400 with the error body of the spec', async () => {
      const { url } = await serve();
      const connection = await openConnection(url);
      connection.send('HELO registry\r\n\r\n');
      const answer = await connection.received;
      expect(answer).to.match(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/);
      expect(answer).to.include(
        '{"errors":[{"code":"UNSUPPORTED","message":"the request is no valid HTTP/1.1"}]}',
      );
    });

    it('headers that are too large are a 431', async () => {
      const { url } = await serve({ http: { maxHeaderBytes: 1024 } });
      const connection = await openConnection(url);
      connection.send(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(2000)}\r\n\r\n`);
      expect(await connection.received).to.match(/^HTTP\/1\.1 431 .*"errors"/s);
    });

    it('an expectation that is not known is a 417', async () => {
      const { url } = await serve();
      const connection = await openConnection(url);
      connection.send('GET /v2/ HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n');
      expect(await connection.received).to.match(/^HTTP\/1\.1 417 .*"errors"/s);
    });

    it('who asks before sending a body may be answered at once', async () => {
      const { url } = await serve();
      const connection = await openConnection(url);
      connection.send(
        'PUT /none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n',
      );
      const answer = await connection.until('"errors"');
      expect(answer).to.match(/^HTTP\/1\.1 404 /);
      connection.socket.destroy();
    });

    it('one on which the client makes no progress is closed', async () => {
      const { url } = await serve(
        { http: { idleTimeout: 0.05 } },
        routes((router) => router.use('/sink', (request) => void request.resume())),
      );
      const connection = await openConnection(url);
      connection.send('PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf');
      expect(await connection.received).to.equal('');
      expect(messages()).to.include('a connection without progress was closed');
    });

    it('one that is silent from the start is closed', async () => {
      const { url } = await serve({ http: { idleTimeout: 0.05 } });
      expect(await (await openConnection(url)).received).to.equal('');
    });

    it('one that waits for the registry is left alone', async () => {
      const patient = routes((router) => {
        router.use('/slow', ({ socket }, response) => {
          // The server looks at the connection when its time is up; twice, to see that it goes on watching.
          socket.once('timeout', () => socket.once('timeout', () => response.end('late')));
        });
      });
      const { url } = await serve({ http: { idleTimeout: 0.05 } }, patient);
      expect(await (await fetch(`${url}/slow`)).text()).to.equal('late');
    });
  });

  describe('mounted behind another server', () => {
    it('answers through its handler once it is open, and not after it has stopped', async () => {
      const registry = await create();
      const server = createServer(registry.handler).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
      try {
        expect((await fetch(`${url}/readyz`)).status).to.equal(503);
        await registry.open();
        expect((await fetch(`${url}/readyz`)).status).to.equal(200);
        expect((await fetch(`${url}/v2/`)).status).to.equal(200);
        await registry.stop();
        const answer = await fetch(`${url}/v2/`);
        expect([answer.status, await answer.text()]).to.deep.include(503);
      } finally {
        server.close();
        server.closeAllConnections();
      }
    });
  });
});
