import { expect } from 'chai';
import { createRegistry, type Registry } from '@entrepot/core';
import metrics from '@entrepot/metrics';
import { definePlugin, type Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { tableOf, codeIn } from '../docs/markdown.ts';
import { ask } from './asking.ts';
import { familiesIn, lint, sumOf, type Family } from './exposition.ts';
import { images, pull, push } from './pushing.ts';
import { Site } from './running-registry.ts';

const authStatic = definePlugin<Record<string, never>>({
  name: 'auth-static',
  schema: { type: 'object', additionalProperties: false, required: [] },
  setup({ name, hooks }) {
    hooks.authenticate.tap(name, ({ basic }) =>
      basic === undefined ? undefined : { subject: basic.username },
    );
  },
});

describe('The metrics of a registry', () => {
  const running: Registry[] = [];
  afterEach(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  async function serve(...plugins: readonly Plugin[]) {
    const registry = await createRegistry({
      http: { port: 0 },
      diagnostics: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), ...plugins],
    });
    running.push(registry);
    const { url } = await registry.start();
    return { registry, url, diagnostics: registry.diagnostics?.url ?? '' };
  }
  async function scrape(url: string): Promise<ReadonlyMap<string, Family>> {
    const answer = await ask(url, 'GET', '/metrics');
    expect(answer.status).to.equal(200);
    expect(answer.headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/);
    return familiesIn(answer.body.toString());
  }
  const [image] = images(1);
  if (image === undefined) throw new Error('there is no image');

  it('count requests, bytes and storage calls of a push and a pull', async () => {
    const { url, diagnostics } = await serve(metrics());
    await push(url, image);
    await pull(url, image);
    const now = await scrape(diagnostics);
    const blobs = [...image.layers, image.config];
    const blobBytes = blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(
      sumOf(now, 'entrepot_http_requests_total', { endpoint: 'manifest', method: 'PUT', status: '201' }),
    ).to.equal(1);
    expect(
      sumOf(now, 'entrepot_http_requests_total', { endpoint: 'blob', method: 'GET', status: '200' }),
    ).to.equal(blobs.length);
    expect(
      sumOf(now, 'entrepot_http_requests_total', { endpoint: 'blob', method: 'HEAD', status: '404' }),
    ).to.equal(blobs.length);
    expect(sumOf(now, 'entrepot_http_request_bytes_total', { endpoint: 'upload' })).to.equal(blobBytes);
    expect(sumOf(now, 'entrepot_http_response_bytes_total', { endpoint: 'manifest' })).to.equal(
      image.manifest.bytes.length,
    );
    expect(sumOf(now, 'entrepot_storage_calls_total', { verb: 'write', outcome: 'ok' })).to.be.above(
      blobs.length,
    );
    expect(sumOf(now, 'entrepot_cache_hits_total')).to.be.above(0);
    const durations = now.get('entrepot_http_request_duration_seconds')?.samples ?? [];
    expect(
      durations.filter(({ name }) => name.endsWith('_count')).reduce((sum, { value }) => sum + value, 0),
    ).to.equal(sumOf(now, 'entrepot_http_requests_total'));
  });

  it('tell storage errors by their codes', async () => {
    const registry = await createRegistry({
      http: { port: 0 },
      diagnostics: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory({ maxBytes: 10_000 }), metrics()],
    });
    running.push(registry);
    const { url } = await registry.start();
    await push(url, image).catch(() => undefined);
    const now = await scrape(registry.diagnostics?.url ?? '');
    expect(sumOf(now, 'entrepot_storage_calls_total', { outcome: 'no_space' })).to.be.above(0);
  });

  it('have names and units as Prometheus wants them, and are what the README lists', async () => {
    const { url, diagnostics } = await serve(metrics({ repositories: ['team-0/*'] }));
    await push(url, image);
    const now = await scrape(diagnostics);
    expect([...now.values()].flatMap(lint)).to.deep.equal([]);
    const listed = tableOf('plugins/metrics/README.md', 'Metric', 'Type').map(
      ([name, type, labels, help]) => {
        return [codeIn(name), type, help, labels];
      },
    );
    expect(listed.map(([name, type, help]) => [name, type, help])).to.have.deep.members(
      [...now.values()].map(({ name, type, help }) => [name, type, help]),
    );
    for (const [name = '', , , labels = ''] of listed) {
      const used = (now.get(name)?.samples ?? []).flatMap((sample) => Object.keys(sample.labels));
      for (const label of used.filter((each) => each !== 'le'))
        expect(labels, name).to.include(`\`${label}\``);
    }
  });

  it('make no series of what clients make up', async () => {
    const { url, diagnostics } = await serve(metrics({ repositories: ['*'], maxRepositories: 2 }));
    for (const method of ['PROPFIND', 'LOCK']) await ask(url, method, '/v2/');
    for (let index = 0; index < 5; index += 1) await ask(url, 'GET', `/v2/guess-${index}/tags/list`);
    for (const each of images(6)) await push(url, each);
    const now = await scrape(diagnostics);
    const methods = now.get('entrepot_http_requests_total')?.samples.map(({ labels }) => labels['method']);
    expect(methods).to.include('other').and.not.include('LOCK');
    const repositories = now.get('entrepot_repository_requests_total')?.samples ?? [];
    expect(new Set(repositories.map(({ labels }) => labels['repository']))).to.deep.equal(
      new Set(['team-0/app', 'team-1/app', 'OTHERS']),
    );
  });

  it('are on the port of clients if so wanted, for who may read the catalog', async () => {
    const { url, diagnostics } = await serve(authStatic(), metrics({ at: 'registry' }));
    expect(diagnostics).to.equal('');
    expect((await ask(url, 'GET', '/metrics')).status).to.equal(401);
    const authorization = `Basic ${Buffer.from('prometheus:secret').toString('base64')}`;
    const { status, body } = await ask(url, 'GET', '/metrics', { headers: { authorization } });
    expect(status).to.equal(200);
    expect(familiesIn(body.toString()).get('entrepot_processes')?.samples[0]?.value).to.equal(1);
  });

  it('go on with their counts when the configuration is reloaded', async () => {
    const config = {
      http: { port: 0 },
      diagnostics: { port: 0 },
      log: { level: 'silent' as const },
      plugins: [storageMemory(), metrics()],
    };
    const registry = await createRegistry(config);
    running.push(registry);
    const { url } = await registry.start();
    await push(url, image);
    await registry.reload(config);
    await pull(url, image);
    const now = await scrape(registry.diagnostics?.url ?? '');
    expect(sumOf(now, 'entrepot_http_requests_total', { endpoint: 'manifest' })).to.equal(2);
  });

  it('are those of all workers, whichever is asked', async () => {
    const site = await Site.create();
    try {
      const registry = await site.start({ http: { workers: 2 }, diagnostics: { port: 0 } }, 'filesystem', [
        { use: '@entrepot/metrics' },
      ]);
      const url = await registry.url();
      const asked = 20;
      for (let turn = 0; turn < asked; turn += 1) await ask(url, 'GET', '/v2/');
      const { diagnostics } = await registry.line(({ msg }) => msg === 'the registry serves');
      for (let turn = 0; turn < 3; turn += 1) {
        const now = await scrape(String(diagnostics));
        expect(sumOf(now, 'entrepot_processes')).to.equal(2);
        expect(sumOf(now, 'entrepot_http_requests_total', { endpoint: 'base' })).to.equal(asked);
        const workers = now.get('process_start_time_seconds')?.samples.map(({ labels }) => labels['worker']);
        expect(workers).to.have.members(['1', '2']);
      }
      await registry.stop();
    } finally {
      await site.remove();
    }
  });
});
