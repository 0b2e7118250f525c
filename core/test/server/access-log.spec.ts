import { expect } from 'chai';
import { StorageError, type PluginHooks } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import type { RegistryConfig } from '../../src/config/define-config.ts';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { digestOf } from '../../src/digest.ts';
import { keepLog, type LogLine } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';
import { RecordingDriver } from '../store/recording-driver.ts';

const digest = digestOf(Buffer.from('hello'));

describe('The access log', () => {
  const running: Registry[] = [];
  afterEach(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  /** A registry with these taps, and what it has logged of its requests once there are so many lines. */
  async function serve(
    tap: (hooks: PluginHooks, name: string) => void = () => undefined,
    access = true,
    settings: NonNullable<RegistryConfig['log']> = {},
  ) {
    const { log, lines } = await keepLog();
    let heard = 0;
    let wake: () => void = () => undefined;
    const taps = plugin('taps', ({ hooks, name }) => {
      tap(hooks, name);
      hooks.response.tap(name, () => {
        heard += 1;
        wake();
      });
    });
    const registry = await createRegistry(
      {
        http: { port: 0, trustedProxies: ['127.0.0.1'] },
        log: { access, ...settings },
        plugins: [storageMemory(), taps],
      },
      { log },
    );
    running.push(registry);
    const { url } = await registry.start();
    const requests = async (count: number): Promise<readonly LogLine[]> => {
      while (heard < count) await new Promise<void>((resolve) => (wake = resolve));
      return lines.filter(({ msg }) => msg === 'request');
    };
    return { url, lines, requests };
  }

  it('has one line for each request: what was asked, of what, by whom, and how it ended', async () => {
    const { url, requests } = await serve((hooks, name) =>
      hooks.authenticate.tap(name, ({ basic }) =>
        basic ? { subject: basic.username } : { subject: 'robot' },
      ),
    );
    const headers = {
      authorization: `Basic ${Buffer.from('alice:hunter2').toString('base64')}`,
      'x-request-id': 'push-1',
    };
    await fetch(`${url}/v2/a/b/blobs/uploads/?digest=${digest}`, { method: 'POST', body: 'hello', headers });
    await (await fetch(`${url}/v2/a/b/blobs/${digest}`)).arrayBuffer();
    await fetch(`${url}/v2/a/b/blobs/${digest}`, { method: 'HEAD' });
    const missing = await (await fetch(`${url}/v2/a/b/manifests/v1`)).arrayBuffer();
    const nowhere = await (await fetch(`${url}/v2/nowhere`)).arrayBuffer();
    const seen = (await requests(5)).map(
      ({ method, endpoint, repository, digest: of, status, bytes, actor }) => [
        method,
        endpoint,
        repository,
        of,
        status,
        bytes,
        actor,
      ],
    );
    expect(seen).to.deep.equal([
      ['POST', 'uploads', 'a/b', digest, 201, 0, 'alice'],
      ['GET', 'blob', 'a/b', digest, 200, 5, 'robot'],
      ['HEAD', 'blob', 'a/b', digest, 200, 0, 'robot'],
      ['GET', 'manifest', 'a/b', undefined, 404, missing.byteLength, 'robot'],
      ['GET', 'unknown', undefined, undefined, 404, nowhere.byteLength, undefined],
    ]);
    const [first, second] = await requests(5);
    expect(first).to.include({ level: 'info', reqId: 'push-1' });
    expect(first?.['ms']).to.be.a('number').and.be.at.least(0);
    expect(second?.['reqId']).to.match(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(await requests(5))).to.not.include('hunter2');
  });

  it('can be switched off', async () => {
    const { url, requests } = await serve(undefined, false);
    await (await fetch(`${url}/v2/`)).arrayBuffer();
    expect(await requests(1)).to.deep.equal([]);
  });

  it('can be in the format that Apache calls combined, which nobody breaks out of', async () => {
    const { url, requests } = await serve(
      (hooks, name) => hooks.authenticate.tap(name, () => ({ subject: 'alice smith' })),
      true,
      { accessFormat: 'combined' },
    );
    const headers = { 'user-agent': 'a "b" \\ c', referer: 'http://x/?secret' };
    await (await fetch(`${url}/v2/?account=alice&password=hunter2`, { headers })).arrayBuffer();
    const begun = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    const location = begun.headers.get('location') ?? '';
    await (await fetch(url + location)).arrayBuffer();
    const [ping, , status] = await requests(3);
    expect(ping?.['combined']).to.match(
      /^127\.0\.0\.1 - alice%20smith \[\d\d\/[A-Z][a-z]{2}\/\d{4}:[\d:]{8} \+0000\] "GET \/v2\/ HTTP\/1\.1" 200 2 "http:\/\/x\/" "a \\x22b\\x22 \\x5c c"$/,
    );
    expect(status?.['combined']).to.include('"GET /v2/a/blobs/uploads/- HTTP/1.1" 204 -');
  });

  it('can have a share of the pulls that went well, and all that did not or changed something', async () => {
    const { url, requests } = await serve(undefined, true, { pullShare: 0.25 });
    for (let turn = 0; turn < 8; turn += 1) await (await fetch(`${url}/v2/`)).arrayBuffer();
    for (let turn = 0; turn < 3; turn += 1) await (await fetch(`${url}/v2/a/tags/list`)).arrayBuffer();
    await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    const lines = await requests(12);
    expect(lines.filter(({ status }) => status === 200)).to.have.lengthOf(2);
    expect(lines.filter(({ status }) => status === 404)).to.have.lengthOf(3);
    expect(lines.filter(({ status }) => status === 202)).to.have.lengthOf(1);
  });

  it('has a level of its own, as other parts and plugins do; what is no part is refused', async () => {
    const { url, requests } = await serve(undefined, true, { levels: { access: 'warn', taps: 'debug' } });
    await (await fetch(`${url}/v2/`)).arrayBuffer();
    expect(await requests(1)).to.deep.equal([]);
    const refused = await createRegistry({
      log: { levels: { accesss: 'warn' } },
      plugins: [storageMemory()],
    }).catch(String);
    expect(refused).to.include(
      "there is no part 'accesss'; there are access, store, gc, events, http, storage-memory",
    );
  });

  it('has the cause of what was our fault, under the id that the client got', async () => {
    const broken = new RecordingDriver();
    broken.before = () => {
      throw new StorageError('UNAVAILABLE', 'EIO: the disk of /data');
    };
    const { url, lines, requests } = await serve((hooks, name) => hooks.wrapStorage.tap(name, () => broken));
    const answer = await fetch(`${url}/v2/a/manifests/v1`);
    expect(answer.status).to.equal(503);
    expect(await answer.text()).to.not.include('disk');
    await requests(1);
    const line = lines.find(({ msg }) => msg === 'request failed');
    expect(line).to.have.nested.property('err.message', 'EIO: the disk of /data');
    expect(line).to.include({ level: 'error', reqId: answer.headers.get('x-request-id') });
  });

  it('says nothing of refusals but their line: those are the business of clients', async () => {
    const { url, lines, requests } = await serve();
    await (await fetch(`${url}/v2/APP/tags/list`)).arrayBuffer();
    await requests(1);
    expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([]);
  });
});
