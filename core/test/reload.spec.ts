import { expect } from 'chai';
import type { Plugin, PluginHandle } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import type { RegistryConfig } from '../src/config/define-config.ts';
import { createRegistry, type Registry } from '../src/registry.ts';
import { keepLog, type KeptLog } from './plugins/log-lines.ts';
import { plugin } from './plugins/sample-plugins.ts';
import { rejectionOf } from './rejection.ts';

describe('A registry that reloads its configuration', () => {
  const running: Registry[] = [];
  let kept: KeptLog;
  beforeEach(async () => {
    kept = await keepLog();
  });
  afterEach(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  const storage = storageMemory();
  const config = (settings: RegistryConfig = {}, ...plugins: readonly Plugin[]): RegistryConfig => ({
    http: { port: 0 },
    ...settings,
    plugins: [storage, ...plugins],
  });
  async function serve(settings: RegistryConfig = {}, ...plugins: readonly Plugin[]) {
    const registry = await createRegistry(config(settings, ...plugins), { log: kept.log });
    running.push(registry);
    return { registry, ...(await registry.start()) };
  }
  const messages = (): unknown[] => kept.lines.map(({ msg }) => msg);
  /** A plugin that writes down what becomes of it. */
  function witness(name: string, life: string[], handle: PluginHandle = {}): Plugin {
    return plugin('witness', ({ hooks }) => {
      hooks.response.tap('witness', ({ requestId }) => void life.push(`${name} hears of ${requestId}`));
      return {
        ...handle,
        start: async () => {
          await handle.start?.();
          life.push(`${name} starts`);
        },
        stop: async () => void life.push(`${name} stops`),
      };
    });
  }
  const ping = async (url: string): Promise<number> => {
    const answer = await fetch(`${url}/v2/`);
    await answer.arrayBuffer();
    return answer.status;
  };

  it('gives new requests to the new plugins, and stops the old ones after their last request', async () => {
    const life: string[] = [];
    const held = Promise.withResolvers<undefined>();
    const began = Promise.withResolvers<undefined>();
    const holding = plugin('holding', ({ name, hooks }) => {
      hooks.authenticate.tapPromise(name, async ({ method }) => {
        if (method === 'POST') {
          began.resolve(undefined);
          await held.promise;
        }
        return { subject: 'alice' };
      });
    });
    const { registry, url } = await serve({}, holding, witness('old', life));
    const upload = fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    await began.promise;
    await registry.reload(config({}, witness('new', life)));
    expect(registry.plugins).to.deep.equal(['storage-memory', 'witness']);
    expect(await ping(url)).to.equal(200);
    expect(life).to.have.lengthOf(3).and.include('old starts').and.not.include('old stops');
    held.resolve(undefined);
    expect((await upload).status).to.equal(202);
    await registry.stop();
    expect(life.map((line) => line.replace(/ [0-9a-f-]{36}$/, ''))).to.deep.equal([
      'old starts',
      'new starts',
      'new hears of',
      'old hears of',
      ...(life.indexOf('old stops') < life.indexOf('new stops')
        ? ['old stops', 'new stops']
        : ['new stops', 'old stops']),
    ]);
  });

  it('keeps what is in memory, and goes on with an upload that was begun before', async () => {
    const { registry, url } = await serve();
    const begun = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    const location = `${url}${begun.headers.get('location')}`;
    const bytes = Buffer.from('hello');
    await fetch(location, { method: 'PATCH', body: bytes });
    await registry.reload(config());
    const digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    const now = await fetch(location);
    expect([now.status, now.headers.get('range')]).to.deep.equal([204, '0-4']);
    const put = await fetch(`${url}${now.headers.get('location')}?digest=${digest}`, { method: 'PUT' });
    expect(put.status).to.equal(201);
  });

  it('drops none of the requests that come all the time, over connections that stay', async () => {
    const names = ['one', 'two'];
    const marking = (name: string): Plugin =>
      plugin('marking', ({ hooks }) => {
        hooks.authenticate.tap('marking', () => ({ subject: name }));
      });
    const { registry, url } = await serve({}, marking('zero'));
    const statuses: number[] = [];
    let isOver = false;
    const clients = Array.from({ length: 8 }, async () => {
      while (!isOver) statuses.push(await ping(url));
    });
    for (let turn = 0; turn < 10; turn += 1) {
      const before = statuses.length;
      while (statuses.length < before + 50) await ping(url);
      await registry.reload(config({}, marking(names[turn % 2] ?? '')));
    }
    while (statuses.length < 550) await ping(url);
    isOver = true;
    await Promise.all(clients);
    expect(statuses.length).to.be.above(500);
    expect(new Set(statuses)).to.deep.equal(new Set([200]));
    const actors = new Set(kept.lines.filter(({ msg }) => msg === 'request').map(({ actor }) => actor));
    expect(actors).to.deep.equal(new Set(['zero', 'one', 'two']));
  });

  describe('goes on as before when', () => {
    const refusals: readonly [title: string, plugin: Plugin, reason: string][] = [
      [
        'a new plugin cannot be set up',
        plugin('broken', () => {
          throw new Error('no such file');
        }),
        'plugin broken could not be set up: no such file',
      ],
      [
        'a new plugin cannot be started',
        plugin('broken', () => ({ start: () => Promise.reject(new Error('no such host')) })),
        'plugin broken could not be started: no such host',
      ],
      [
        'a new plugin is not well',
        plugin('broken', () => ({ health: () => Promise.reject(new Error('no permission')) })),
        'plugin broken is not well: no permission',
      ],
    ];
    for (const [title, broken, reason] of refusals) {
      it(title, async () => {
        const life: string[] = [];
        const { registry, url } = await serve({}, witness('old', life));
        const error = await rejectionOf(registry.reload(config({}, witness('new', life), broken)));
        expect(error.message).to.equal(reason);
        expect(registry.plugins).to.deep.equal(['storage-memory', 'witness']);
        expect(await ping(url)).to.equal(200);
        expect((await registry.health()).ready).to.equal(true);
        expect(life.filter((line) => line.startsWith('old')).map((line) => line.slice(0, 9))).to.deep.equal([
          'old start',
          'old hears',
        ]);
        const starts = life.filter((line) => line === 'new starts').length;
        expect(life.filter((line) => line === 'new stops')).to.have.lengthOf(starts);
      });
    }

    it('the configuration has mistakes', async () => {
      const { registry, url } = await serve();
      const error = await rejectionOf(registry.reload(config({ http: { port: -1 } })));
      expect(error.message).to.equal('config: http.port must be >= 0');
      expect(await ping(url)).to.equal(200);
    });

    it('what is in memory would be lost', async () => {
      const { registry, url } = await serve();
      const other = { http: { port: 0 }, plugins: [storageMemory({ maxBytes: 1000 })] };
      expect((await rejectionOf(registry.reload(other))).message).to.include('restart the registry');
      expect(await ping(url)).to.equal(200);
    });

    it('it is about to stop', async () => {
      const { registry } = await serve();
      const stopped = registry.stop();
      expect((await rejectionOf(registry.reload(config()))).message).to.include('cannot be reloaded');
      await stopped;
    });
  });

  it('goes on without an optional plugin that cannot start, and says so at /readyz and in the log', async () => {
    const sink: Plugin = {
      ...plugin('events-sink', () => ({ start: () => Promise.reject(new Error('no such host')) })),
      optional: true,
    };
    const { registry, url } = await serve();
    await registry.reload(config({}, sink));
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).to.deep.equal([
      200,
      {
        ready: true,
        state: 'running',
        plugins: [
          { name: 'storage-memory', healthy: true },
          { name: 'events-sink', healthy: false, optional: true },
        ],
      },
    ]);
    expect(messages()).to.include('the plugin could not be started, the registry goes on without it');
  });

  it('says which settings count only after a restart', async () => {
    const { registry } = await serve();
    const { afterRestart } = await registry.reload(
      config({ http: { port: 1, drainTimeout: 1 }, diagnostics: { port: 2, debug: false } }),
    );
    expect(afterRestart).to.deep.equal(['http.port', 'diagnostics.port']);
    expect(messages()).to.include('settings have changed that count only after a restart');
  });

  it('has another level of the log afterwards', async () => {
    const { registry, url } = await serve();
    await ping(url);
    await registry.reload(config({ log: { level: 'error' } }));
    await ping(url);
    await registry.stop();
    expect(messages().filter((message) => message === 'request')).to.have.lengthOf(1);
  });

  it('begins to listen for operators when there is something to show', async () => {
    const { registry } = await serve();
    expect(registry.diagnostics).to.equal(undefined);
    await registry
      .reload(
        config(
          { diagnostics: { port: 0, debug: true } },
          plugin('shown', ({ name, hooks }) => {
            hooks.diagnostics.tap(name, (routes) => {
              routes.get('/shown', (_request, response) => void response.end('here'));
            });
            return { health: () => Promise.reject(new Error('the secret host is gone')) };
          }),
        ),
      )
      .catch(() => undefined);
    expect(registry.diagnostics).to.equal(undefined);
    await registry.reload(config({ diagnostics: { port: 0, debug: true } }));
    const { url = '' } = registry.diagnostics ?? {};
    expect((await fetch(`${url}/debug/figures`)).status).to.equal(200);
    expect(await (await fetch(`${url}/readyz`)).json()).to.deep.include({ ready: true, state: 'running' });
    expect(await (await fetch(`${url}/`)).text()).to.include('/debug/cpu-profile');
  });
});
