import { createRegistry, type Registry } from '@entrepot/core';
import type { Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { Copying, type CopiedTag, type CopyOptions } from '../../core/src/copy/copying.ts';
import type { CopyProgress } from '../../core/src/copy/copy-run.ts';
import { parsePlace } from '../../core/src/copy/place.ts';
import { contentOf, descriptor, imageOf, indexOf, manifestOf, noise, types } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { plugin } from '../oci/served-registry.ts';
import { answered, breakRegistry, type Breaks, type BrokenSource } from './broken-source.ts';

class Served extends HttpClient {
  readonly host: string;
  readonly #registry: Registry;

  constructor(url: string, registry: Registry) {
    super(url);
    this.host = new URL(url).host;
    this.#registry = registry;
  }

  static async start(...plugins: readonly Plugin[]): Promise<Served> {
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), ...plugins],
    });
    return new Served((await registry.start()).url, registry);
  }

  async stop(): Promise<void> {
    this.close();
    await this.#registry.stop();
  }
}

const config = contentOf('{"architecture":"amd64"}');
const base = contentOf(noise(200_000, 1));
const layer = contentOf(noise(100_000, 2));
const image = imageOf(config, [base, layer]);
const other = imageOf(config, [base]);
const index = indexOf([image, other]);
const signature = imageOf(config, [], { subject: descriptor(image, types.manifest) });

describe('copying from registry to registry', () => {
  let source: Served;
  let target: Served;
  const running: (Served | BrokenSource)[] = [];

  beforeEach(async () => {
    [source, target] = await Promise.all([Served.start(), Served.start()]);
    running.push(source, target);
    for (const repository of ['team/app', 'team/other', 'library']) {
      for (const blob of [config, base, layer])
        await source.post(`/v2/${repository}/blobs/uploads/?digest=${blob.digest}`, { body: blob.bytes });
      for (const [manifest, reference] of [
        [image, 'v1'],
        [image, 'latest'],
        [other, other.digest],
        [index, 'all'],
        [signature, signature.digest],
      ] as const) {
        const headers = { 'content-type': manifest.mediaType };
        await source.put(`/v2/${repository}/manifests/${reference}`, { headers, body: manifest.bytes });
      }
    }
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop();
  });

  async function copy(
    from: string,
    to: string,
    options: Partial<CopyOptions> = {},
  ): Promise<{ readonly tags: readonly CopiedTag[]; readonly progress: CopyProgress }> {
    const copying = new Copying({
      source: parsePlace(from),
      target: parsePlace(to),
      sourceCredentials: undefined,
      targetCredentials: undefined,
      dryRun: false,
      referrers: false,
      jobs: 4,
      ...options,
    });
    const tags: CopiedTag[] = [];
    for await (const tag of copying.run()) tags.push(tag);
    return { tags, progress: copying.progress };
  }
  const broken = async (breaks: Breaks): Promise<BrokenSource> => {
    const between = await breakRegistry(`http://${source.host}`, breaks);
    running.push(between);
    return between;
  };
  const manifestAt = async (registry: Served, path: string): Promise<unknown> => {
    const [repository, reference] = path.split(/[:@](.*)/s);
    const { status, body } = await registry.get(`/v2/${repository}/manifests/${reference}`);
    return status === 200 ? body.toString('latin1') : status;
  };
  const bytesOf = ({ bytes }: { readonly bytes: Buffer }): string => bytes.toString('latin1');

  it('brings all tags of all repositories, with all they refer to, and nothing twice', async () => {
    const { tags, progress } = await copy(source.host, target.host);
    expect(tags.map(({ from, outcome }) => `${from} ${outcome}`)).to.have.members(
      ['team/app', 'team/other', 'library'].flatMap((name) =>
        ['all', 'latest', 'v1'].map((tag) => `${name}:${tag} copied`),
      ),
    );
    expect(progress.blobs).to.include({ copied: 3, mounted: 6, bytes: 300_024 });
    expect(await manifestAt(target, 'team/app:all')).to.equal(bytesOf(index));
    expect(await manifestAt(target, `library@${other.digest}`)).to.equal(bytesOf(other));
    const pulled = await target.get(`/v2/library/blobs/${layer.digest}`);
    expect(pulled.body.equals(layer.bytes)).to.equal(true);
    expect(await manifestAt(target, `team/app@${signature.digest}`)).to.equal(404);

    const again = await copy(source.host, target.host);
    expect(again.progress.tags).to.deep.equal({ found: 9, copied: 0, there: 9, failed: 0 });
    expect(again.progress.manifests.copied).to.equal(0);
  });

  it('takes repositories and tags by patterns, and puts them below the name of the target', async () => {
    const { tags } = await copy(`${source.host}/team/*:v*`, `${target.host}/mirror`);
    expect(tags.map(({ from, to }) => [from, to])).to.have.deep.members([
      ['team/app:v1', 'mirror/team/app:v1'],
      ['team/other:v1', 'mirror/team/other:v1'],
    ]);
    expect(await manifestAt(target, 'mirror/team/app:v1')).to.equal(bytesOf(image));
    expect(await manifestAt(target, 'mirror/team/app:latest')).to.equal(404);
  });

  it('gives one tag another name, and takes a manifest by its digest', async () => {
    await copy(`${source.host}/team/app:v1`, `${target.host}/prod/app:stable`);
    expect(await manifestAt(target, 'prod/app:stable')).to.equal(bytesOf(image));
    await copy(`${source.host}/team/app@${index.digest}`, `${target.host}/prod/app`);
    expect(await manifestAt(target, `prod/app@${index.digest}`)).to.equal(bytesOf(index));
    await copy(`${source.host}/team/app@${index.digest}`, `${target.host}/prod/app:index`);
    expect(await manifestAt(target, 'prod/app:index')).to.equal(bytesOf(index));
  });

  it('brings what is attached to images if that is wanted', async () => {
    await copy(`${source.host}/team/app:v1`, target.host);
    const { progress } = await copy(`${source.host}/team/app:v1`, target.host, { referrers: true });
    expect(progress.manifests.copied).to.equal(1);
    const { body } = await target.get(`/v2/team/app/referrers/${image.digest}`);
    expect(JSON.parse(body.toString())).to.have.nested.property('manifests[0].digest', signature.digest);
  });

  it('keeps a list of what is attached where the registry keeps none, as clients do', async () => {
    const old = await breakRegistry(
      `http://${target.host}`,
      (incoming, answer) =>
        incoming.url?.includes('/referrers/') === true && answered(answer.writeHead(404).end()),
      ['oci-subject'],
    );
    running.push(old);
    await copy(`${source.host}/team/app:v1`, old.host, { referrers: true });
    const fallback = await manifestAt(target, `team/app:${image.digest.replace(':', '-')}`);
    expect(JSON.parse(String(fallback))).to.have.nested.property('manifests[0].digest', signature.digest);
    await target.delete(`/v2/team/app/manifests/${signature.digest}`);
    const back = await copy(`${old.host}/team/app:v1`, `${source.host}/back`, { referrers: true });
    expect(back.tags[0]).to.include({ outcome: 'copied' });
  });

  it('brings caches of builders, which are indexes of layers', async () => {
    const cache = manifestOf(
      { schemaVersion: 2, mediaType: types.index, manifests: [descriptor(layer, types.layer)] },
      types.index,
    );
    const lenient = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      manifests: { mayLack: 'children' },
      plugins: [storageMemory()],
    });
    const registry = new Served((await lenient.start()).url, lenient);
    running.push(registry);
    await registry.post(`/v2/app/blobs/uploads/?digest=${layer.digest}`, { body: layer.bytes });
    const headers = { 'content-type': types.index };
    await registry.put('/v2/app/manifests/cache', { headers, body: cache.bytes });
    const { progress } = await copy(`${registry.host}/app`, `${registry.host}/copy`);
    expect(progress.blobs.mounted).to.equal(1);
    expect((await registry.head(`/v2/copy/blobs/${layer.digest}`)).status).to.equal(200);
  });

  it('changes nothing in a dry run', async () => {
    const { tags } = await copy(source.host, target.host, { dryRun: true });
    expect(tags).to.have.lengthOf(9);
    expect(JSON.parse((await target.get('/v2/_catalog')).body.toString())).to.deep.equal({
      repositories: [],
    });
  });

  it('stores nothing that does not have its digest, and goes on with the rest', async () => {
    const wrong = Buffer.from(layer.bytes);
    wrong[70_000] = (wrong[70_000] ?? 0) ^ 1;
    const between = await broken(
      (incoming, answer) =>
        incoming.url?.endsWith(`/blobs/${layer.digest}`) === true &&
        answered(answer.writeHead(200, { 'content-length': wrong.length }).end(wrong)),
    );
    const headers = { 'content-type': types.manifest };
    await source.put('/v2/team/app/manifests/other', { headers, body: other.bytes });
    const { tags } = await copy(`${between.host}/team/app`, target.host);
    const failed = tags.filter(({ outcome }) => outcome === 'failed');
    expect(failed.map(({ from }) => from)).to.have.members([
      'team/app:all',
      'team/app:latest',
      'team/app:v1',
    ]);
    expect(failed[0]?.reason).to.include('that do not have this digest');
    expect((await target.head(`/v2/team/app/blobs/${layer.digest}`)).status).to.equal(404);
    expect(await manifestAt(target, 'team/app:other')).to.equal(bytesOf(other));

    const lying = await broken(
      (incoming, answer) =>
        incoming.method === 'GET' &&
        incoming.url?.endsWith(`/manifests/${image.digest}`) === true &&
        answered(answer.writeHead(200, { 'content-type': types.manifest }).end(other.bytes)),
    );
    const { tags: lied } = await copy(`${lying.host}/team/app:v1`, `${target.host}/lied`);
    expect(lied[0]?.reason).to.include(`gave a manifest for ${image.digest}`);
  });

  it('asks again after answers that pass, and broken connections, but not after refusals', async () => {
    const seen = new Map<string, number>();
    const times = (name: string): number => seen.set(name, (seen.get(name) ?? 0) + 1).get(name) ?? 0;
    const between = await broken((incoming, answer) => {
      if (times(`${incoming.method} ${incoming.url}`) > 1) return false;
      if (incoming.url?.includes('/blobs/') === true) {
        answer
          .writeHead(200, { 'content-length': 200_000 })
          .write(base.bytes.subarray(0, 1000), () => answer.destroy());
        return true;
      }
      answer.writeHead(incoming.method === 'HEAD' ? 503 : 429, { 'retry-after': '0' }).end();
      return true;
    });
    const { tags } = await copy(`${between.host}/team/app:v1`, target.host);
    expect(tags[0]).to.include({ outcome: 'copied' });
    expect((await target.get(`/v2/team/app/blobs/${base.digest}`)).body.equals(base.bytes)).to.equal(true);

    const refusing = await broken((incoming, answer) => {
      times('refused');
      const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'no' }] });
      return incoming.url?.includes('/tags/list') === true && answered(answer.writeHead(403).end(body));
    });
    const failure: unknown = await copy(`${refusing.host}/team/app`, target.host).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property('message', 'the registry answered 403, DENIED: no');
    expect(seen.get('refused')).to.equal(1);
  });

  it('does not follow names that would lead elsewhere', async () => {
    const asked: string[] = [];
    const between = await broken((incoming, answer) => {
      asked.push(incoming.url ?? '');
      const names = { repositories: ['../../admin', 'team/app'], tags: ['../../x', 'v1'] };
      const isList = /_catalog|tags.list/.test(incoming.url ?? '');
      return isList && answered(answer.writeHead(200).end(JSON.stringify(names)));
    });
    const { tags } = await copy(between.host, target.host);
    expect(tags.filter(({ outcome }) => outcome !== 'failed').map(({ to }) => to)).to.deep.equal([
      'team/app:v1',
    ]);
    expect(tags.filter(({ outcome }) => outcome === 'failed')).to.have.lengthOf(2);
    expect(asked.filter((path) => !path.startsWith('/v2/'))).to.deep.equal([]);
  });

  it('says who asks, where that is wanted', async () => {
    const guarded = await Served.start(
      plugin('guard', (hooks, name) => {
        hooks.authenticate.tap(name, ({ basic }) =>
          basic?.username === 'ci' && basic.password === 'a:b' ? { subject: 'ci' } : undefined,
        );
        hooks.challenge.tap(name, (challenges) => [...challenges, 'Basic realm="registry"']);
      }),
    );
    running.push(guarded);
    const refused = await copy(`${source.host}/team/app:v1`, guarded.host);
    expect(refused.tags[0]?.reason).to.include('the registry answered 401');
    const targetCredentials = { user: 'ci', password: 'a:b' };
    const { tags } = await copy(`${source.host}/team/app:v1`, guarded.host, { targetCredentials });
    expect(tags[0]).to.include({ outcome: 'copied' });
  });

  it('refuses what does not go together', () => {
    for (const [from, to] of [
      ['a/team/*', 'b/x/*'],
      ['a/team/*:v1', 'b/x:v1'],
      ['a/team/app', 'b/x:v1'],
      ['a/team/*@sha256:1', 'b'],
      ['a/team/app', `b/x@sha256:1`],
    ] as const) {
      expect(
        () =>
          new Copying({
            source: parsePlace(from),
            target: parsePlace(to),
            sourceCredentials: undefined,
            targetCredentials: undefined,
            dryRun: true,
            referrers: false,
            jobs: 1,
          }),
        `${from} ${to}`,
      ).to.throw(Error);
    }
  });
});
