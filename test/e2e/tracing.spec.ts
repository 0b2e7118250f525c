import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin, withMethods, type Plugin, type StorageDriver } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import tracing from '@entrepot/tracing';
import { expect } from 'chai';
import { ask } from './asking.ts';
import { Collector, type CollectedSpan } from './collector.ts';
import { images, pull, push } from './pushing.ts';

const noOptions = { type: 'object', additionalProperties: false, required: [] } as const;
const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** Counts the calls that reach the storage, by verb. */
function counting(calls: Map<string, number>): Plugin {
  const count =
    <Arguments extends unknown[], Result>(verb: string, call: (...args: Arguments) => Result) =>
    (...args: Arguments): Result => {
      calls.set(verb, (calls.get(verb) ?? 0) + 1);
      return call(...args);
    };
  const around = (driver: StorageDriver): StorageDriver =>
    withMethods(driver, {
      read: count('read', driver.read.bind(driver)),
      write: count('write', driver.write.bind(driver)),
      delete: count('delete', driver.delete.bind(driver)),
      list: count('list', driver.list.bind(driver)),
      open: count('open', driver.open.bind(driver)),
      size: count('size', driver.size.bind(driver)),
      createUpload: count('createUpload', driver.createUpload.bind(driver)),
      uploadPart: count('uploadPart', driver.uploadPart.bind(driver)),
      completeUpload: count('completeUpload', driver.completeUpload.bind(driver)),
      abortUpload: count('abortUpload', driver.abortUpload.bind(driver)),
    });
  return definePlugin<Record<string, never>>({
    name: 'counting',
    schema: noOptions,
    setup: ({ name, hooks }) => hooks.wrapStorage.tap(name, around),
  })();
}

describe('The traces of a registry', () => {
  let collector: Collector;
  const running: Registry[] = [];
  beforeEach(async () => {
    collector = await Collector.open();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
    await collector.close();
  });

  async function serve(options: object = {}, ...plugins: readonly Plugin[]) {
    const registry = await createRegistry({
      http: { port: 0 },
      gc: { enabled: false },
      log: { level: 'silent' },
      plugins: [
        storageMemory(),
        ...plugins,
        tracing({ endpoint: collector.endpoint, share: 1, headers: { 'x-tenant': 'registry' }, ...options }),
      ],
    });
    running.push(registry);
    const { url } = await registry.start();
    /** All there are, once the registry has sent them. */
    const spans = async (): Promise<readonly CollectedSpan[]> => {
      await registry.stop();
      return collector.spans;
    };
    return { url, spans };
  }
  const [image] = images(1);
  if (image === undefined) throw new Error('there is no image');

  it('show every storage call of a push and of a pull, each below the request that made it', async () => {
    const calls = new Map<string, number>();
    const { url, spans } = await serve({}, counting(calls));
    calls.clear(); // What a start asks the storage belongs to no request.
    await push(url, image);
    await pull(url, image);
    const counted = Object.fromEntries(calls);
    const all = await spans();
    const storage = all.filter(({ name }) => name.startsWith('storage '));
    const traced: Record<string, number> = {};
    for (const { name } of storage) {
      const verb = name.slice('storage '.length);
      traced[verb] = (traced[verb] ?? 0) + 1;
    }
    expect(traced).to.deep.equal(counted);
    expect(traced['write']).to.be.above(5);
    const byId = new Map(all.map((span) => [span.spanId, span]));
    for (const span of storage) {
      const above: string[] = [];
      for (let each = byId.get(span.parentSpanId); each !== undefined; each = byId.get(each.parentSpanId))
        above.push(each.name);
      expect(above.at(-1), above.join(' < ')).to.match(
        /^(?:GET|HEAD|POST|PATCH|PUT) (?:blob|manifest|upload|uploads)$/,
      );
    }
    const put = all.find(({ name }) => name === 'PUT manifest');
    expect(put?.attributes).to.deep.include({
      'http.request.method': 'PUT',
      'http.route': 'manifest',
      'entrepot.repository': image.repository,
    });
    expect(Number(put?.attributes['http.response.status_code'])).to.equal(201);
    expect(collector.headers[0]).to.include({ 'x-tenant': 'registry' });
  });

  it('show steps and the hooks of plugins, and go on with the trace of the client', async () => {
    const policy = definePlugin<Record<string, never>>({
      name: 'policy',
      schema: noOptions,
      setup({ name, hooks }) {
        hooks.authenticate.tap(name, () => ({ subject: 'alice' }));
        hooks.authorize.tapPromise(name, async () => true);
      },
    });
    const { url, spans } = await serve({ share: 0 }, policy());
    await ask(url, 'GET', '/v2/a/tags/list', { headers: { traceparent: parent } });
    await ask(url, 'GET', '/v2/b/tags/list');
    const all = await spans();
    expect(new Set(all.map(({ traceId }) => traceId))).to.deep.equal(new Set([parent.split('-')[1]]));
    const root = all.find(({ name }) => name === 'GET tags');
    expect(root?.parentSpanId).to.equal(parent.split('-')[2]);
    expect(all.map(({ name }) => name)).to.include.members([
      'admit',
      'authenticate policy',
      'authorize policy',
      'tags',
    ]);
  });

  it('are handed on with what plugins ask others meanwhile, by fetch and by node:http', async () => {
    const heard: (string | string[] | undefined)[] = [];
    const other = createServer((request, response) => {
      heard.push(request.headers['traceparent']);
      response.end();
    });
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const asking = definePlugin<Record<string, never>>({
      name: 'asking',
      schema: noOptions,
      setup({ name, hooks }) {
        hooks.authenticate.tapPromise(name, async () => {
          await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer();
          await new Promise<void>((resolve, reject) => {
            const asked = get({ port, host: '127.0.0.1', agent: false }, (answer) => {
              answer.resume().once('end', resolve);
            });
            asked.once('error', reject);
          });
          return { subject: 'alice' };
        });
      },
    });
    try {
      const { url, spans } = await serve({}, asking());
      await ask(url, 'GET', '/v2/', { headers: { traceparent: parent } });
      const step = (await spans()).find(({ name }) => name === 'authenticate asking');
      expect(heard).to.deep.equal(
        Array.from({ length: 2 }, () => `${parent.slice(0, 36)}${step?.spanId}-01`),
      );
    } finally {
      other.close();
      other.closeAllConnections();
    }
  });

  it('are none when the share says so, and a collector that is gone hinders nobody', async () => {
    const { url, spans } = await serve({ share: 0 });
    await push(url, image);
    expect(await spans()).to.deep.equal([]);
    const gone = await serve({ endpoint: 'http://127.0.0.1:9/v1/traces' });
    await push(gone.url, image);
    await pull(gone.url, image);
  });
});
