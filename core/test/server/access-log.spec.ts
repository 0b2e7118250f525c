import { expect } from 'chai';
import { StorageError, type PluginHooks } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
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
  async function serve(tap: (hooks: PluginHooks, name: string) => void = () => undefined, access = true) {
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
      { http: { port: 0, trustedProxies: ['127.0.0.1'] }, log: { access }, plugins: [storageMemory(), taps] },
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
