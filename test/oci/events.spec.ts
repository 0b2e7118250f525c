import { expect } from 'chai';
import type { RegistryEvent, ResponseReport } from '@entrepot/plugin-sdk';
import { bareManifest, descriptor, digestOf, noise } from './content.ts';
import { beginUpload, expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

const octets = 'application/octet-stream';
type Heard = Partial<RegistryEvent>;

/** Where an upload ends: its URL may have a query already, as it has where plugins ask who is there. */
function withDigest(upload: string, digest: string): string {
  return `${upload}${upload.includes('?') ? '&' : '?'}digest=${digest}`;
}

onEachStorage('Events', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  let heard: RegistryEvent[] = [];
  let wake: () => void = () => undefined;
  before(async () => {
    registry = await serve(
      { http: { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] } },
      plugin('auth-anyone', (hooks, name) =>
        hooks.authenticate.tap(name, ({ basic }) => ({ subject: basic?.username ?? 'somebody' })),
      ),
      plugin('events-failing', (hooks, name) =>
        hooks.event.tap(name, () => {
          throw new Error('this sink is broken');
        }),
      ),
      plugin('events-kept', (hooks, name) =>
        hooks.event.tapPromise(name, async (event) => {
          heard.push(event);
          wake();
        }),
      ),
    );
  });
  beforeEach(() => {
    repository = registry.newRepository();
    heard = [];
  });

  /** The next `count` events, without what differs from run to run. */
  async function events(count: number): Promise<Heard[]> {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard.splice(0).map(({ action, kind, target, tag, previousDigest, fromRepository }) => ({
      action,
      kind,
      target,
      ...(tag === undefined ? {} : { tag }),
      ...(previousDigest === undefined ? {} : { previousDigest }),
      ...(fromRepository === undefined ? {} : { fromRepository }),
    }));
  }

  it('tell of a blob that is pushed, pulled, mounted and deleted', async () => {
    const { bytes, digest } = await pushBlob(registry, repository, noise(20_000));
    const target = { mediaType: octets, digest, size: bytes.length };
    const kind = 'blob';
    expect(await events(1)).to.deep.equal([{ action: 'push', kind, target }]);

    expectStatus(await registry.get(`/v2/${repository}/blobs/${digest}`), 200);
    expect(await events(1)).to.deep.equal([{ action: 'pull', kind, target }]);

    const other = registry.newRepository();
    const mount = `/v2/${other}/blobs/uploads/?mount=${digest}&from=${repository}`;
    expectStatus(await registry.post(mount), 201);
    const mounted = { action: 'mount', kind, target, fromRepository: repository };
    expect(await events(1)).to.deep.equal([mounted]);

    expectStatus(await registry.delete(`/v2/${other}/blobs/${digest}`), 202);
    expect(await events(1)).to.deep.equal([{ action: 'delete', kind, target }]);
  });

  it('tell of a blob once its upload has ended, not of its chunks', async () => {
    const bytes = noise(20_000, 2);
    const upload = await beginUpload(registry, repository);
    expectStatus(await registry.patch(upload, { body: bytes }), 202);
    expectStatus(await registry.put(withDigest(upload, digestOf(bytes))), 201);
    const target = { mediaType: octets, digest: digestOf(bytes), size: bytes.length };
    expect(await events(1)).to.deep.equal([{ action: 'push', kind: 'blob', target }]);
  });

  it('tell of a manifest that is pushed, tagged, pulled and deleted', async () => {
    const kind = 'manifest';
    const [old, young] = [bareManifest('old'), bareManifest('young')];
    const [was, is] = [descriptor(old, old.mediaType), descriptor(young, young.mediaType)];

    await pushManifest(registry, repository, old, 'v1');
    expect(await events(2)).to.deep.equal([
      { action: 'push', kind, target: was, tag: 'v1' },
      { action: 'tag', kind, target: was, tag: 'v1' },
    ]);

    await pushManifest(registry, repository, young, 'v1');
    expect(await events(2)).to.deep.equal([
      { action: 'push', kind, target: is, tag: 'v1' },
      { action: 'tag', kind, target: is, tag: 'v1', previousDigest: old.digest },
    ]);

    expectStatus(await registry.get(`/v2/${repository}/manifests/v1`), 200);
    expectStatus(await registry.get(`/v2/${repository}/manifests/${old.digest}`), 200);
    expect(await events(2)).to.deep.equal([
      { action: 'pull', kind, target: is, tag: 'v1' },
      { action: 'pull', kind, target: was },
    ]);

    expectStatus(await registry.delete(`/v2/${repository}/manifests/v1`), 202);
    expect(await events(1)).to.deep.equal([{ action: 'delete', kind, target: is, tag: 'v1' }]);
    expectStatus(await registry.delete(`/v2/${repository}/manifests/${young.digest}`), 202);
    expect(await events(1)).to.deep.equal([{ action: 'delete', kind, target: is }]);
  });

  it('tell of a tag only when it moves', async () => {
    const manifest = bareManifest('still');
    for (const count of [2, 1]) {
      await pushManifest(registry, repository, manifest, 'v1');
      expect(await events(count)).to.have.lengthOf(count);
    }
  });

  it('tell of each tag that a push by digest sets, and a delete takes', async () => {
    const manifest = bareManifest('tags');
    const target = descriptor(manifest, manifest.mediaType);
    const kind = 'manifest';
    expectStatus(await putManifest(registry, repository, `${manifest.digest}?tag=a&tag=b`, manifest), 201);
    expect(await events(3)).to.deep.equal([
      { action: 'push', kind, target },
      { action: 'tag', kind, target, tag: 'a' },
      { action: 'tag', kind, target, tag: 'b' },
    ]);
    expectStatus(await registry.delete(`/v2/${repository}/manifests/${manifest.digest}`), 202);
    expect(await events(3)).to.have.deep.members([
      { action: 'delete', kind, target },
      { action: 'delete', kind, target, tag: 'a' },
      { action: 'delete', kind, target, tag: 'b' },
    ]);
  });

  it('tell who has asked, from where, with what and when', async () => {
    const before = Date.now();
    await putManifest(registry, repository, bareManifest('who').digest, bareManifest('who'), {
      authorization: `Basic ${Buffer.from('alice:x').toString('base64')}`,
      'user-agent': 'skopeo/1.9',
      'x-request-id': 'request-7',
      'x-forwarded-for': '198.51.100.9, 203.0.113.7, 10.1.2.3',
    });
    while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    const [event] = heard;
    expect(event).to.deep.include({
      actor: 'alice',
      userAgent: 'skopeo/1.9',
      requestId: 'request-7',
      method: 'PUT',
      repository,
    });
    expect(event?.address).to.equal('203.0.113.7');
    expect(event?.id).to.match(/^[0-9a-f-]{36}$/);
    expect(Date.parse(event?.time ?? '')).to.be.within(before, Date.now());
  });

  it('do not tell of what has not happened: HEAD, 304, refusals, and uploads without end', async () => {
    const { digest } = await pushManifest(registry, repository, bareManifest('quiet'), 'v1');
    await events(2);
    const path = `/v2/${repository}/manifests/v1`;
    await registry.head(path);
    await registry.get(path, { 'if-none-match': `"${digest}"` });
    await registry.get(`/v2/${repository}/manifests/v2`);
    await registry.delete(`/v2/${repository}/manifests/v2`);
    await registry.get(`/v2/${repository}/tags/list`);
    await putManifest(registry, repository, 'v1', bareManifest('x'), { 'if-none-match': '*' });
    const upload = await beginUpload(registry, repository);
    await registry.patch(upload, { body: 'hello' });
    await registry.put(withDigest(upload, digestOf('other')));
    // Events keep their order, so whatever had been told before this one would be here.
    await pushBlob(registry, repository, 'the next event');
    const target = { mediaType: octets, digest: digestOf('the next event'), size: 14 };
    expect(await events(1)).to.deep.equal([{ action: 'push', kind: 'blob', target }]);
  });

  it('do not keep the client waiting: it is answered while the taps are still at work', async () => {
    const released = Promise.withResolvers<void>();
    const slow = await serve(
      {},
      plugin('events-slow', (hooks, name) => hooks.event.tapPromise(name, () => released.promise)),
    );
    for (let time = 0; time < 40; time += 1) await pushBlob(slow, 'library/app', `blob ${time}`);
    released.resolve();
  });
});

onEachStorage('Reports of responses', (serve) => {
  it('tell of each request once: endpoint, repository, status and bytes', async () => {
    const reports: ResponseReport[] = [];
    const all = Promise.withResolvers<void>();
    const registry = await serve(
      {},
      plugin('metrics-broken', (hooks, name) =>
        hooks.response.tap(name, () => {
          throw new Error('broken');
        }),
      ),
      plugin('metrics', (hooks, name) =>
        hooks.response.tap(name, (report) => {
          reports.push(report);
          if (reports.length === 8) all.resolve();
        }),
      ),
    );
    const { manifest, blob } = {
      manifest: await pushManifest(registry, 'library/app', bareManifest('x'), 'v1'),
      blob: await pushBlob(registry, 'library/app', noise(100_000)),
    };
    await registry.get('/v2/library/app/manifests/v1');
    await registry.head('/v2/library/app/manifests/v1');
    await registry.get(`/v2/library/app/blobs/${blob.digest}`, { range: 'bytes=0-9' });
    const missing = await registry.get('/v2/library/app/manifests/v2');
    const nowhere = await registry.get('/v2/nowhere');
    await registry.get('/v2/');
    // A client may have its answer a moment before the taps hear of it.
    await all.promise;
    const seen = reports.map(({ method, endpoint, repository, status, bytes }) => [
      method,
      endpoint,
      repository,
      status,
      bytes,
    ]);
    expect(seen).to.deep.equal([
      ['PUT', 'manifest', 'library/app', 201, 0],
      ['POST', 'uploads', 'library/app', 201, 0],
      ['GET', 'manifest', 'library/app', 200, manifest.bytes.length],
      ['HEAD', 'manifest', 'library/app', 200, 0],
      ['GET', 'blob', 'library/app', 206, 10],
      ['GET', 'manifest', 'library/app', 404, missing.body.length],
      ['GET', 'unknown', undefined, 404, nowhere.body.length],
      ['GET', 'base', undefined, 200, 2],
    ]);
    for (const { milliseconds, requestId } of reports) {
      expect(milliseconds).to.be.at.least(0);
      expect(requestId).to.match(/^[0-9a-f-]{36}$/);
    }
  });
});
