import { expect } from 'chai';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { keys } from '../../src/store/keys.ts';
import { keepLog, type KeptLog } from '../plugins/log-lines.ts';
import { filesystemBackend, memoryBackend, type Backend } from './backends.ts';
import { flawsOf, pushBlob, pushImage, uploadBlob, view, type Target, type View } from './client.ts';
import { digestOf, imageOf, type Image } from './image.ts';

const garbage = (length: number): Buffer => Buffer.alloc(length, '\0\xff{"\n', 'latin1');

/** What befalls an object: each gives the bytes that take the place of its own. */
const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'no bytes': () => Buffer.alloc(0),
  'half of its bytes': (bytes) => bytes.subarray(0, bytes.length / 2),
  garbage: (bytes) => garbage(bytes.length + 7),
  'garbage of the same length': (bytes) => garbage(bytes.length),
  'other JSON': () =>
    Buffer.from('{"digest":"md5:00","mediaType":"a\\nb","incarnation":"","data":"../x"}\n{}'),
};

interface Victim {
  /** Storage key of what is damaged. */
  readonly key: (repository: string, image: Image, backend: Backend) => string | Promise<string>;
  /** What a client then finds gone; everything else has to be whole. */
  readonly gone: readonly (keyof View)[];
}

const victims: Readonly<Record<string, Victim>> = {
  'a tag': { key: (repository) => keys.tag(repository, 'v1'), gone: ['tag'] },
  'a manifest': {
    key: (repository, { manifest }) => keys.manifest(repository, digestOf(manifest)),
    gone: ['tag', 'manifest'],
  },
  'a referrers entry': {
    key: (repository, { manifest, artifact }) =>
      keys.referrer(repository, digestOf(manifest), digestOf(artifact)),
    gone: ['referrers'],
  },
  'a catalog entry': { key: (repository) => keys.repository(repository), gone: [] },
  'a blob link': { key: (repository, { small }) => keys.link(repository, digestOf(small)), gone: ['small'] },
  'a blob record': {
    key: (_repository, { large }) => keys.record(digestOf(large)),
    gone: ['large', 'range'],
  },
  'a blob record that holds the blob': {
    key: (_repository, { config }) => keys.record(digestOf(config)),
    gone: ['config'],
  },
  'the bytes of a small blob': {
    key: (_repository, { small }, backend) => dataKey(backend, small),
    gone: ['small'],
  },
  'the bytes of a large blob': {
    key: (_repository, { large }, backend) => dataKey(backend, large),
    gone: ['large', 'range'],
  },
};

/** Where the bytes of a blob are. */
async function dataKey(backend: Backend, bytes: Buffer): Promise<string> {
  const { data } = await headerOf(backend, keys.record(digestOf(bytes)));
  if (typeof data !== 'string') throw new Error('its bytes have no key of their own');
  return data;
}

/** The line of JSON that an object begins with. */
async function headerOf(backend: Backend, key: string): Promise<Readonly<Record<string, unknown>>> {
  const line = (await backend.read(key)).toString().split('\n', 1)[0] ?? '';
  const header: unknown = JSON.parse(line);
  return typeof header === 'object' && header !== null ? { ...header } : {};
}

/** What a driver makes of files is the same whatever their bytes: some damages are enough to see that. */
const storages: readonly {
  readonly storage: string;
  readonly open: () => Promise<Backend>;
  readonly ways: readonly string[];
}[] = [
  { storage: 'memory', open: async () => memoryBackend(), ways: Object.keys(damages) },
  { storage: 'files', open: filesystemBackend, ways: ['no bytes', 'garbage of the same length'] },
];

for (const { storage, open, ways } of storages) {
  describe(`Damage in ${storage}`, () => {
    let backend: Backend;
    let kept: KeptLog;
    /** A process that has written what is damaged, and one that has never seen it. */
    let writer: string;
    let reader: string;
    const running: Registry[] = [];
    const neighbour = imageOf('a neighbour');
    let cases = 0;

    before(async () => {
      backend = await open();
      kept = await keepLog();
      writer = await serve();
      reader = await serve();
      await pushImage({ url: writer, repository: 'neighbour' }, neighbour);
    });
    after(async () => {
      await Promise.all(running.splice(0).map((registry) => registry.stop()));
      await backend.destroy();
    });

    async function serve(): Promise<string> {
      const config = { http: { port: 0 }, plugins: [backend.plugin()] };
      const registry = await createRegistry(config, { log: kept.log });
      running.push(registry);
      return (await registry.start()).url;
    }
    /** An image in a repository of its own, of which `reader` knows nothing. */
    async function pushed(): Promise<{ readonly repository: string; readonly image: Image }> {
      cases += 1;
      const repository = `team/app-${cases}`;
      const image = imageOf(`image ${cases}`);
      await pushImage({ url: writer, repository }, image);
      return { repository, image };
    }
    const seen = async (url: string, repository: string, image: Image): Promise<View> =>
      flawsOf(await view({ url, repository }, image));
    const logged = (key: string): unknown[] =>
      kept.lines.filter((line) => line['key'] === key || line['data'] === key).map(({ level }) => level);
    const gone = (...sides: readonly (keyof View)[]): View =>
      Object.fromEntries(sides.map((side) => [side, 'gone'] as const));

    for (const [victim, { key: keyOf, gone: sides }] of Object.entries(victims)) {
      for (const [bytes, change] of Object.entries(damages)) {
        // What is large is not read twice for each answer: verifying finds this one.
        if (victim === 'the bytes of a large blob' && bytes === 'garbage of the same length') continue;
        if (!ways.includes(bytes)) continue;
        it(`of ${victim}, ${bytes} in its place, hurts nothing else, is logged, and ends with the next push`, async () => {
          const { repository, image } = await pushed();
          const key = await keyOf(repository, image, backend);
          await backend.put(key, change(await backend.read(key)));

          expect(await seen(reader, repository, image), 'seen anew').to.deep.equal(gone(...sides));
          expect(logged(key), 'in the log').to.include('error');
          expect(gone(...sides), 'seen by who remembers').to.include(await seen(writer, repository, image));
          expect(await seen(reader, 'neighbour', neighbour), 'of a neighbour').to.deep.equal({});

          await pushImage({ url: reader, repository }, image);
          expect(await seen(reader, repository, image), 'after the push').to.deep.equal({});
          expect(await seen(writer, repository, image), 'after the push, elsewhere').to.deep.equal({});
        });
      }
    }

    it('by which one object lies in the place of another never gives the other', async () => {
      const { repository, image } = await pushed();
      const other = await pushed();
      const swaps: readonly [string, string][] = [
        [keys.record(digestOf(image.large)), keys.record(digestOf(other.image.large))],
        [
          keys.link(repository, digestOf(image.large)),
          keys.link(other.repository, digestOf(other.image.large)),
        ],
        [
          keys.manifest(repository, digestOf(image.manifest)),
          keys.manifest(other.repository, digestOf(other.image.manifest)),
        ],
        [
          keys.referrer(repository, digestOf(image.manifest), digestOf(image.artifact)),
          keys.referrer(other.repository, digestOf(other.image.manifest), digestOf(other.image.artifact)),
        ],
      ];
      for (const [place, from] of swaps) await backend.put(place, await backend.read(from));
      const flaws = gone('tag', 'manifest', 'large', 'range', 'referrers');
      // Twice: what is remembered of the first time is as good.
      for (let time = 0; time < 2; time += 1)
        expect(await seen(reader, repository, image)).to.deep.equal(flaws);
      for (const [place] of swaps) if (!place.includes('/blobs/')) expect(logged(place)).to.include('error');
      await pushImage({ url: reader, repository }, image);
      expect(await seen(reader, repository, image)).to.deep.equal({});
      expect(await seen(reader, other.repository, other.image)).to.deep.equal({});
    });

    it('of the size a record gives is found before an answer begins', async () => {
      const { repository, image } = await pushed();
      for (const bytes of [image.config, image.small]) {
        const key = keys.record(digestOf(bytes));
        const stored = (await backend.read(key)).toString();
        await backend.put(
          key,
          Buffer.from(stored.replace(`"size":${bytes.length}`, `"size":${bytes.length + 1}`)),
        );
      }
      expect(await seen(reader, repository, image)).to.deep.equal(gone('config', 'small'));
      await pushImage({ url: reader, repository }, image);
      expect(await seen(reader, repository, image)).to.deep.equal({});
    });

    it('of a blob is found by a mount, so that the client brings the bytes', async () => {
      const { repository, image } = await pushed();
      await backend.put(await dataKey(backend, image.large), garbage(5));
      const digest = digestOf(image.large);
      for (const from of [`&from=${repository}`, '']) {
        const mounted = await fetch(`${reader}/v2/mounting/blobs/uploads/?mount=${digest}${from}`, {
          method: 'POST',
        });
        expect(mounted.status).to.equal(202);
      }
      await pushBlob({ url: reader, repository: 'mounting' }, image.large);
      expect(await seen(reader, repository, image)).to.deep.equal({});
    });

    if (storage === 'files') {
      it('that makes an object larger than any can be is a 503 that says so, and hurts nothing else', async () => {
        const { repository, image } = await pushed();
        for (const key of [keys.tag(repository, 'v1'), keys.link(repository, digestOf(image.small))]) {
          await backend.put(key, Buffer.alloc(17 * 1024 * 1024));
          expect(await seen(reader, repository, image)).to.include(
            key.includes('/tags/') ? { tag: 'unavailable' } : { small: 'unavailable' },
          );
          expect(logged(key)).to.include('warn');
        }
        expect(Object.keys(await seen(reader, repository, image))).to.deep.equal(['tag', 'small']);
      });
    }

    it('of a large blob that leaves its length is healed by whoever brings the bytes', async () => {
      const { repository, image } = await pushed();
      await backend.put(await dataKey(backend, image.large), garbage(image.large.length));
      await uploadBlob({ url: reader, repository }, image.large);
      expect(await seen(reader, repository, image)).to.deep.equal({});
    });
  });
}

describe('Damage of an upload', () => {
  let backend: Backend;
  let kept: KeptLog;
  let target: Target;
  const running: Registry[] = [];
  beforeEach(async () => {
    backend = memoryBackend();
    kept = await keepLog();
    target = { url: await serve(), repository: 'team/app' };
  });
  afterEach(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  async function serve(): Promise<string> {
    const config = { http: { port: 0 }, plugins: [backend.plugin()] };
    const registry = await createRegistry(config, { log: kept.log });
    running.push(registry);
    return (await registry.start()).url;
  }
  const blob = Buffer.alloc(50_000, 'the bytes of a blob. ');

  /** An upload that has its first 20,000 bytes, 544 of them in a tail. */
  async function begun(): Promise<string> {
    const opened = await fetch(`${target.url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    const location = opened.headers.get('location') ?? '';
    await fetch(target.url + location, { method: 'PATCH', body: blob.subarray(0, 20_000) });
    return location;
  }
  /** Brings the rest from where the upload says it stands, or begins again, as clients do. */
  async function goOn(url: string, location: string): Promise<void> {
    const { status, headers } = await fetch(url + location);
    const end = Number(headers.get('range')?.split('-')[1] ?? 0);
    const offset = end === 0 ? 0 : end + 1;
    const finished = await fetch(`${url}${location}?digest=${digestOf(blob)}`, {
      method: 'PUT',
      headers: { 'content-range': `${offset}-${blob.length - 1}` },
      body: blob.subarray(offset),
    });
    expect([204, 404]).to.include(status);
    if (finished.status !== 201) {
      expect(finished.status).to.equal(404);
      await uploadBlob({ ...target, url }, blob);
    }
  }
  async function expectWhole(): Promise<void> {
    const answer = await fetch(`${target.url}/v2/team/app/blobs/${digestOf(blob)}`);
    expect(answer.status).to.equal(200);
    expect(Buffer.from(await answer.arrayBuffer()).equals(blob)).to.equal(true);
  }

  for (const part of ['uploads/', 'tails/', 'secrets/']) {
    for (const [bytes, change] of Object.entries(damages)) {
      it(`by ${bytes} in the place of one of ${part} makes its client go on or begin again, with nothing wrong kept`, async () => {
        const location = await begun();
        const key = (await backend.keys()).find((candidate) => candidate.startsWith(part)) ?? '';
        await backend.put(key, change(await backend.read(key)));
        // The process that has hashed the bytes already, and one that has not.
        await goOn(target.url, location);
        await expectWhole();
        if (part !== 'secrets/') expect(kept.lines.some((line) => line['key'] === key)).to.equal(true);
        await goOn(await serve(), await begun());
        await expectWhole();
      });
    }
  }

  it('in a record that leads out of the storage is damage like any other', async () => {
    const location = await begun();
    const key = `uploads/${location.split('/').at(-1) ?? ''}`;
    await backend.put(
      key,
      Buffer.from((await backend.read(key)).toString().replace('"data":"data/', '"data":"../')),
    );
    await goOn(target.url, location);
    await expectWhole();
  });
});
