import { expect } from 'chai';
import { StorageError, type ListOptions, type ListPage, type SmallObject } from '@entrepot/plugin-sdk';
import { Memory } from '@entrepot/storage-memory';
import { splitDigest } from '../../src/digest.ts';
import { parseManifest } from '../../src/manifest/parse-manifest.ts';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { newId } from '../../src/store/ids.ts';
import { createStore } from '../../src/store/index.ts';
import { keys } from '../../src/store/keys.ts';
import type { Finding } from '../../src/store/verify/finding.ts';
import type { VerifyOptions } from '../../src/store/verify/inspection.ts';
import { Verification } from '../../src/store/verify/verification.ts';
import { keepLog, type KeptLog } from '../plugins/log-lines.ts';
import { rejectionOf } from '../rejection.ts';
import { PartsDriver, storageOf } from './backends.ts';
import { flawsOf, pushBlob, pushImage, pushManifest, view, type View } from './client.ts';
import { descriptor, digestOf, imageOf, indexType, json, manifestType } from './image.ts';

const HOUR = 60 * 60 * 1000;
const repository = 'team/app';
const image = imageOf('an image');
const { config, small, large, manifest, artifact } = image;

/** A driver in which a test can stand in the way of calls. */
class StagedDriver extends PartsDriver {
  beforeRead: (key: string) => Promise<'absent' | undefined> = async () => undefined;
  beforeDelete: (key: string) => Promise<void> = async () => undefined;
  beforeList: (prefix: string) => Promise<void> = async () => undefined;

  override async list(prefix: string, options: ListOptions): Promise<ListPage> {
    await this.beforeList(prefix);
    return super.list(prefix, options);
  }

  override async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return (await this.beforeRead(key)) === 'absent' ? undefined : super.read(key, known);
  }

  override async delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    await this.beforeDelete(key);
    await super.delete(key, options);
  }
}

describe('Verifying', () => {
  let memory: Memory;
  /** What the registry uses, and what the verification uses. */
  let driver: PartsDriver;
  let staged: StagedDriver;
  let url: string;
  let kept: KeptLog;
  let registry: Registry;

  beforeEach(async () => {
    memory = new Memory(2 ** 26);
    driver = new PartsDriver(memory);
    staged = new StagedDriver(memory);
    kept = await keepLog();
    registry = await createRegistry({ http: { port: 0 }, plugins: [storageOf(driver)] }, { log: kept.log });
    ({ url } = await registry.start());
    await pushImage({ url, repository }, image);
  });
  afterEach(() => registry.stop());

  async function verify(options: Partial<VerifyOptions> = {}): Promise<readonly Finding[]> {
    const store = createStore(driver, {
      log: kept.log,
      uploads: { maxAge: HOUR, maxConcurrent: 1 },
      manifestCacheBytes: 1000,
      blobCacheBytes: 1000,
    });
    const verification = new Verification(staged, {
      deep: false,
      repair: false,
      mayLack: 'nothing',
      uploadMaxAge: HOUR,
      parse: ({ bytes, mediaType, digest }) => parseManifest(bytes, mediaType, splitDigest(digest).algorithm),
      sweepUploads: () => store.uploads.expire(),
      waits: { patience: 0, settle: 0, safetyAge: 0 },
      ...options,
    });
    const findings: Finding[] = [];
    for await (const finding of verification.findings()) findings.push(finding);
    const { objects, total } = verification.progress;
    if (options.repair !== true) expect(objects).to.equal(total);
    return findings;
  }
  const kinds = (findings: readonly Finding[]): string[] => findings.map(({ kind }) => kind).toSorted();
  const repairs = (findings: readonly Finding[]): unknown[] => findings.map(({ repair }) => repair);
  const flaws = async (name = repository): Promise<View> =>
    flawsOf(await view({ url, repository: name }, image));

  const read = async (key: string): Promise<Buffer> => Buffer.from((await driver.read(key))?.bytes ?? []);
  const put = async (key: string, bytes: Uint8Array | string): Promise<unknown> =>
    driver.write(key, Buffer.from(bytes));
  const replace = async (key: string, from: string, to: string): Promise<unknown> =>
    put(key, (await read(key)).toString('latin1').replace(from, to));
  const dataOf = async (bytes: Buffer): Promise<string> =>
    /"data":"([^"]+)"/.exec((await read(keys.record(digestOf(bytes)))).toString('latin1'))?.[1] ?? '';
  /** All there is, by key and version. */
  async function versions(): Promise<readonly string[]> {
    const { keys: all } = await driver.list('', { limit: 10_000 });
    return Promise.all(all.map(async (key) => `${key} ${(await driver.read(key))?.etag ?? ''}`));
  }
  /** Repairs; then a second repair finds the same as a look does, and changes nothing. */
  async function repair(options: Partial<VerifyOptions> = {}): Promise<readonly Finding[]> {
    const findings = await verify({ ...options, repair: true });
    const before = await versions();
    const left = await verify(options);
    expect(await verify({ ...options, repair: true }), 'a second repair').to.deep.equal(left);
    expect(await versions(), 'a second repair').to.deep.equal(before);
    return findings;
  }
  /** After a push of all of it, as a client does that asks first, everything is as it was, and verifying finds nothing. */
  async function expectHealing(): Promise<void> {
    await pushImage({ url, repository }, image);
    expect(await flaws()).to.deep.equal({});
    expect(await verify({ deep: true })).to.deep.equal([]);
  }

  describe('a sound registry', () => {
    it('finds nothing, also not in uploads, mounts, indexes and artifacts', async () => {
      await fetch(`${url}/v2/team/other/blobs/uploads/?mount=${digestOf(large)}&from=${repository}`, {
        method: 'POST',
      });
      const index = json({
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [descriptor(manifestType, manifest)],
      });
      await pushManifest({ url, repository }, 'all', index, indexType);
      const opened = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      await fetch(url + (opened.headers.get('location') ?? ''), {
        method: 'PATCH',
        body: Buffer.alloc(20_000),
      });
      const before = await versions();
      for (const deep of [false, true]) {
        for (const repaired of [false, true]) {
          expect(await verify({ deep, repair: repaired })).to.deep.equal([]);
        }
      }
      expect(await versions()).to.deep.equal(before);
    });

    it('finds nothing in an empty storage', async () => {
      for (const key of (await driver.list('', { limit: 10_000 })).keys) await driver.delete(key);
      expect(await verify({ deep: true })).to.deep.equal([]);
    });

    it('tells how far it has come', async () => {
      const verification = new Verification(driver, {
        deep: true,
        repair: false,
        mayLack: 'nothing',
        uploadMaxAge: HOUR,
        parse: ({ bytes, mediaType }) => parseManifest(bytes, mediaType, 'sha256'),
        sweepUploads: async () => undefined,
      });
      expect(verification.progress).to.deep.equal({ total: 0, objects: 0, bytes: 0, isWaiting: false });
      for await (const finding of verification.findings()) throw new Error(finding.kind);
      const { keys: all } = await driver.list('', { limit: 1000 });
      // One repository is looked for in the catalog once more.
      expect(verification.progress).to.deep.equal({
        total: all.length + 1,
        objects: all.length + 1,
        bytes: small.length + large.length,
        isWaiting: false,
      });
    });

    it('does not take what changes meanwhile for damage', async () => {
      const hidden = new Map<string, number>();
      staged.beforeRead = async (key) => {
        const times = hidden.get(key) ?? 0;
        hidden.set(key, times + 1);
        return times === 0 ? 'absent' : undefined;
      };
      expect(await verify({ deep: true })).to.deep.equal([]);
    });
  });

  describe('bytes', () => {
    it('that are gone are found, with the manifest that lacks them, and come back with a push', async () => {
      await driver.delete(await dataOf(large));
      const found = await verify();
      expect(found).to.deep.include.members([
        {
          kind: 'incomplete-manifest',
          key: keys.manifest(repository, digestOf(manifest)),
          repository,
          digest: digestOf(manifest),
          detail: `it lacks ${digestOf(large)}`,
        },
      ]);
      expect(kinds(found)).to.deep.equal(['incomplete-manifest', 'missing-data']);
      expect(repairs(await repair())).to.deep.equal([undefined, undefined]);
      await expectHealing();
    });

    it('that are short or long are found and set aside, and come back with a push', async () => {
      const [short, long] = [await dataOf(large), await dataOf(small)];
      await put(short, large.subarray(1));
      await put(long, Buffer.concat([small, small]));
      expect(kinds(await verify())).to.deep.equal(['incomplete-manifest', 'wrong-size', 'wrong-size']);
      await repair();
      expect((await read(keys.quarantined(short))).toString()).to.include(digestOf(large));
      expect(await read(short), 'the bytes stay').to.have.lengthOf(large.length - 1);
      await expectHealing();
    });

    it('that have rotted are found by hashing alone, and one push brings them back for every repository', async () => {
      await pushImage({ url, repository: 'team/other' }, image);
      await put(await dataOf(large), Buffer.alloc(large.length));
      expect(await verify()).to.deep.equal([]);
      expect(kinds(await verify({ deep: true }))).to.deep.equal([
        'incomplete-manifest',
        'incomplete-manifest',
        'wrong-digest',
      ]);
      await repair({ deep: true });
      expect(await flaws()).to.deep.equal({ large: 'gone', range: 'gone' });
      await expectHealing();
      expect(await flaws('team/other')).to.deep.equal({});
    });

    it('that a record mistakes the size or the place of are found again', async () => {
      const data = await dataOf(large);
      await replace(keys.record(digestOf(small)), `"size":${small.length}`, `"size":${small.length - 1}`);
      await replace(keys.record(digestOf(large)), `"data":"${data}"`, `"data":"${keys.data(newId())}"`);
      await replace(keys.record(digestOf(config)), `"size":${config.length}`, `"size":1`);
      const other = Buffer.alloc(30_000, 'another');
      await pushBlob({ url, repository }, other);
      await replace(keys.record(digestOf(other)), '"data":"data/', '"data":"../');
      expect(Object.keys(await flaws())).to.deep.equal(['config', 'small', 'large', 'range']);
      const found = await repair();
      expect(repairs(found).slice(0, 4)).to.deep.equal(Array(4).fill('corrected the record'));
      expect(await flaws()).to.deep.equal({});
      expect(await verify({ deep: true })).to.deep.equal([]);
    });

    it('that nothing refers to are removed, but neither the young nor those of an upload', async () => {
      const orphan = keys.data(newId());
      await put(orphan, 'nobody reads this');
      const opened = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const location = opened.headers.get('location') ?? '';
      await fetch(url + location, { method: 'PATCH', body: Buffer.alloc(20_000) });
      const session = (await read(`uploads/${location.split('/').at(-1) ?? ''}`)).toString();
      await put(/"data":"([^"]+)"/.exec(session)?.[1] ?? '', 'complete, but for its record');

      expect(await verify({ waits: { patience: 0, settle: 0, safetyAge: HOUR } })).to.deep.equal([]);
      const finding = { kind: 'orphaned-data', key: orphan, detail: 'nothing refers to these 17 bytes' };
      expect(await verify()).to.deep.equal([finding]);
      expect(await repair()).to.deep.equal([{ ...finding, repair: 'removed them' }]);
      expect(await driver.size(orphan)).to.equal(undefined);
    });

    it('that become a blob between two looks are nobody’s orphans', async () => {
      const data = await dataOf(large);
      const record = keys.record(digestOf(large));
      const bytes = await read(record);
      await driver.delete(record);
      await driver.delete(keys.link(repository, digestOf(large)));
      let lists = 0;
      staged.beforeList = async (prefix) => {
        // First they are counted, then looked at.
        if (prefix === 'data/' && (lists += 1) === 2) await put(record, bytes);
      };
      await verify({ repair: true });
      expect(lists).to.equal(2);
      expect(await driver.size(data)).to.equal(large.length);
    });
  });

  describe('blob records', () => {
    it('that are garbage are rebuilt from their link and their bytes, without a push', async () => {
      await put(keys.record(digestOf(large)), 'garbage');
      expect(kinds(await verify())).to.deep.equal(['damaged-record', 'incomplete-manifest']);
      expect(repairs(await repair())).to.deep.equal(['set the record aside', 'its blobs can be read again']);
      expect(await flaws()).to.deep.equal({});
      expect((await read(keys.quarantined(keys.record(digestOf(large))))).toString()).to.match(
        /^\{"key":"blobs\/.*"why":"the record of the blob is damaged".*\}\ngarbage$/,
      );
      expect(await verify({ deep: true })).to.deep.equal([]);
    });

    it('that are gone are rebuilt as well', async () => {
      await driver.delete(keys.record(digestOf(large)));
      await repair();
      expect(await flaws()).to.deep.equal({});
      expect(await verify({ deep: true })).to.deep.equal([]);
    });

    it('that hold the blob are rebuilt from its bytes when only their line is damaged', async () => {
      await replace(keys.record(digestOf(config)), '{"digest"', '{"digost"');
      await repair();
      expect(await flaws()).to.deep.equal({});
    });

    it('that hold the blob wait for a push when the bytes are damaged, which heals every repository', async () => {
      await pushImage({ url, repository: 'team/other' }, image);
      await replace(keys.record(digestOf(config)), 'linux', 'linus');
      const found = await repair();
      expect(found[0]?.repair).to.equal('set the bytes aside; the next push of the blob brings them back');
      expect(await flaws()).to.deep.equal({ config: 'gone' });
      await expectHealing();
      expect(await flaws('team/other')).to.deep.equal({});
    });

    it('keep bytes from being removed while nobody knows whose they are', async () => {
      await put(keys.record(digestOf(large)), 'garbage');
      for (const name of [
        keys.link(repository, digestOf(large)),
        keys.manifest(repository, digestOf(manifest)),
      ]) {
        await driver.delete(name);
      }
      const data = `data/${(await driver.list('data/', { limit: 10 })).keys.join(' data/')}`;
      await verify({ repair: true });
      expect(`data/${(await driver.list('data/', { limit: 10 })).keys.join(' data/')}`).to.equal(data);
    });
  });

  describe('links', () => {
    it('that are damaged are rebuilt', async () => {
      await put(keys.link(repository, digestOf(large)), '{}');
      expect(kinds(await verify())).to.deep.equal(['damaged-record', 'incomplete-manifest']);
      await repair();
      expect(await flaws()).to.deep.equal({});
    });

    it('of an earlier life of a blob are renewed when a manifest needs them, and removed otherwise', async () => {
      await pushImage({ url, repository: 'team/other' }, image);
      const unneeded = keys.link('team/third', digestOf(large));
      await put(unneeded, await read(keys.link(repository, digestOf(large))));
      await put(keys.record(digestOf(large)), 'garbage');
      await pushImage({ url, repository }, image);
      expect(await flaws('team/other')).to.deep.equal({ large: 'gone', range: 'gone' });
      await repair();
      expect(await flaws('team/other')).to.deep.equal({});
      expect(await driver.size(unneeded)).to.equal(undefined);
    });

    it('to what is not there are removed unless a manifest needs them, or a push may be about to make them good', async () => {
      const [old, young, needed] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`);
      const link = (incarnation: string): string => JSON.stringify({ incarnation, size: 1 });
      await put(keys.link(repository, old ?? ''), link(keys.data(newId())));
      await put(keys.link(repository, young ?? ''), link(newId()));
      await put(keys.link(repository, needed ?? ''), link(keys.data(newId())));
      const lacking = json({ schemaVersion: 2, layers: [{ digest: needed, size: 1 }] });
      const key = keys.manifest(repository, digestOf(lacking));
      const header = {
        digest: digestOf(lacking),
        mediaType: manifestType,
        incarnation: newId(),
        deleting: false,
      };
      await put(key, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), lacking]));
      const waits = { patience: 0, settle: 0, safetyAge: HOUR };
      expect(kinds(await verify({ waits }))).to.deep.equal([
        'dangling-link',
        'dangling-link',
        'incomplete-manifest',
      ]);
      await repair({ waits });
      const left = [old, young, needed].map((digest) => driver.size(keys.link(repository, digest ?? '')));
      expect((await Promise.all(left)).map((size) => size !== undefined)).to.deep.equal([false, true, true]);
    });
  });

  describe('manifests and tags', () => {
    it('that are damaged are set aside together, and come back with a push', async () => {
      const key = keys.manifest(repository, digestOf(manifest));
      await replace(key, 'schemaVersion', 'schemaVersiom');
      expect(kinds(await verify())).to.deep.equal(['damaged-manifest', 'dangling-tag']);
      expect(repairs(await repair())).to.deep.equal(['set the manifest aside', 'set the tag aside']);
      expect(await flaws()).to.deep.equal({ tag: 'gone', manifest: 'gone', tags: 'gone' });
      expect((await read(keys.quarantined(key))).toString()).to.include('schemaVersiom');
      expect((await read(keys.quarantined(keys.tag(repository, 'v1')))).toString()).to.include('"history"');
      await expectHealing();
    });

    it('that are damaged in the line of their present come back from their past', async () => {
      await replace(keys.tag(repository, 'v1'), '{"digest"', '{"digost"');
      expect(kinds(await verify())).to.deep.equal(['damaged-record']);
      expect(repairs(await repair())).to.deep.equal(['rebuilt the tag from what it remembers']);
      await expectHealing();
    });

    it('that are damaged altogether are set aside', async () => {
      await put(keys.tag(repository, 'v1'), '');
      expect(repairs(await repair())).to.deep.equal(['set the tag aside']);
      expect(await flaws()).to.deep.equal({ tag: 'gone', tags: 'gone' });
      await expectHealing();
    });

    it('that a push sets anew in this very moment stay', async () => {
      const key = keys.manifest(repository, digestOf(manifest));
      await driver.delete(key);
      staged.beforeDelete = async (deleted) => {
        if (deleted !== keys.tag(repository, 'v1')) return;
        staged.beforeDelete = async () => undefined;
        await pushImage({ url, repository }, image);
      };
      const found = await verify({ repair: true });
      expect(found.filter(({ kind }) => kind === 'dangling-tag').map((one) => one.repair)).to.deep.equal([
        undefined,
      ]);
      expect(await flaws()).to.deep.equal({});
    });

    it('that lack children are told from those that may', async () => {
      const gone = `sha256:${'e'.repeat(64)}`;
      const manifests = [{ mediaType: manifestType, digest: gone, size: 5 }];
      const index = json({ schemaVersion: 2, mediaType: indexType, manifests });
      const header = { digest: digestOf(index), mediaType: indexType, incarnation: newId(), deleting: false };
      const key = keys.manifest(repository, digestOf(index));
      await put(key, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), index]));
      expect(kinds(await verify())).to.deep.equal(['incomplete-manifest']);
      expect(kinds(await verify({ mayLack: 'children' }))).to.deep.equal(['sparse-index']);
      expect(kinds(await verify({ mayLack: 'anything' }))).to.deep.equal(['sparse-index']);
    });

    it('that cannot be read any more are told, and left alone', async () => {
      const bytes = Buffer.from('no JSON');
      const header = {
        digest: digestOf(bytes),
        mediaType: manifestType,
        incarnation: newId(),
        deleting: false,
      };
      const key = keys.manifest(repository, digestOf(bytes));
      await put(key, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), bytes]));
      expect(await repair()).to.deep.equal([
        {
          kind: 'unparsed-manifest',
          key,
          repository,
          digest: digestOf(bytes),
          detail: 'the manifest is not JSON in UTF-8',
        },
      ]);
    });
  });

  describe('referrers entries', () => {
    const key = keys.referrer(repository, digestOf(manifest), digestOf(artifact));

    for (const [what, change] of Object.entries({
      'are gone': () => driver.delete(key),
      'are damaged': () => put(key, 'garbage'),
      'say something else': () => replace(key, 'org.example.signer', 'org.example.singer'),
    })) {
      it(`that ${what} are rebuilt from their manifests`, async () => {
        const before = await fetch(`${url}/v2/${repository}/referrers/${digestOf(manifest)}`);
        const listed = await before.text();
        await change();
        expect(await verify()).to.have.lengthOf(1);
        expect(await repair()).to.have.lengthOf(1);
        const after = await fetch(`${url}/v2/${repository}/referrers/${digestOf(manifest)}`);
        expect(await after.text()).to.equal(listed);
        expect(await verify()).to.deep.equal([]);
      });
    }

    it('without a manifest are removed', async () => {
      await driver.delete(keys.manifest(repository, digestOf(artifact)));
      expect(kinds(await verify())).to.deep.equal(['dangling-referrers-entry']);
      await repair();
      expect(await flaws()).to.deep.equal({ artifact: 'gone', referrers: 'gone' });
      await expectHealing();
    });

    it('are put back when their manifest is pushed in this very moment', async () => {
      const bytes = await read(keys.manifest(repository, digestOf(artifact)));
      await driver.delete(keys.manifest(repository, digestOf(artifact)));
      staged.beforeDelete = async () => {
        await put(keys.manifest(repository, digestOf(artifact)), bytes);
      };
      await verify({ repair: true });
      expect(await flaws()).to.deep.equal({});
    });

    it('of a manifest that is being deleted are not missed', async () => {
      await driver.delete(key);
      await replace(keys.manifest(repository, digestOf(artifact)), '"deleting":false', '"deleting":true');
      expect(await verify()).to.deep.equal([]);
    });
  });

  describe('the catalog', () => {
    it('gets back the repositories it lacks', async () => {
      await driver.delete(keys.repository(repository));
      expect(kinds(await verify())).to.deep.equal(['missing-catalog-entry']);
      await repair();
      expect(await flaws()).to.deep.equal({});
    });

    it('gets its damaged entries written anew', async () => {
      await put(keys.repository(repository), '');
      expect(kinds(await verify())).to.deep.equal(['damaged-record']);
      await repair();
      expect(await verify()).to.deep.equal([]);
    });

    it('may have repositories that hold nothing any more: they are told', async () => {
      await put(keys.repository('team/empty'), JSON.stringify({ since: 1 }));
      expect(kinds(await repair())).to.deep.equal(['empty-repository']);
    });
  });

  describe('uploads', () => {
    async function begin(): Promise<string> {
      const opened = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const location = opened.headers.get('location') ?? '';
      await fetch(url + location, { method: 'PATCH', body: Buffer.alloc(20_000) });
      return location.split('/').at(-1) ?? '';
    }

    it('that no registry has ended are ended', async () => {
      const id = await begin();
      await replace(keys.upload(id), '"touched":', `"touched":1,"touchedThen":`);
      expect(kinds(await verify())).to.deep.equal(['stale-upload']);
      expect(repairs(await repair())).to.deep.equal(['ended the upload']);
      const { keys: left } = await driver.list('', { limit: 1000 });
      expect(left.filter((key) => key.includes(id))).to.deep.equal([]);
    });

    it('that are gone leave no tail', async () => {
      await driver.delete(keys.upload(await begin()));
      expect(kinds(await verify())).to.deep.equal(['orphaned-tail']);
      expect(repairs(await repair())).to.deep.equal(['removed the tail']);
    });

    it('that are damaged, and what seals their ids, are set aside', async () => {
      await put(keys.upload(await begin()), 'garbage');
      await put(keys.uploadSeal, '{}');
      const found = await repair();
      expect(kinds(found)).to.include.members(['damaged-record', 'damaged-record']);
      await pushBlob({ url, repository }, Buffer.alloc(20_000, 'after'));
    });
  });

  describe('anything else', () => {
    it('that core has not written is told, and left alone', async () => {
      const foreign = [
        'blobs/sha256/00/README',
        'data/xx/notes.txt',
        `repos/team~app/blobs/sha256/${'A'.repeat(64)}`,
        'repos/team~app/manifests/md5/00',
        'repos/team~app/referrers/sha256/00/x',
      ];
      for (const key of foreign) await put(key, 'foreign');
      const found = await repair();
      expect(found.map(({ key }) => key).toSorted()).to.deep.equal(foreign);
      expect(new Set(kinds(found))).to.deep.equal(new Set(['foreign-object']));
    });

    it('that the storage cannot give is told, and stops nothing', async () => {
      staged.beforeRead = async (key) => {
        if (key === keys.tag(repository, 'v1')) throw new StorageError('UNAVAILABLE', 'a bad sector');
        return undefined;
      };
      expect(await verify({ repair: true })).to.deep.equal([
        { kind: 'unreadable', key: keys.tag(repository, 'v1'), detail: 'the storage says: a bad sector' },
      ]);
    });

    it('is not told of a storage that is down: that is an error', async () => {
      for (let tag = 0; tag < 150; tag += 1)
        await put(keys.tag(repository, `t${tag}`), await read(keys.tag(repository, 'v1')));
      staged.beforeRead = async (key) => {
        if (key.includes('/tags/')) throw new StorageError('UNAVAILABLE', 'no route to host');
        return undefined;
      };
      expect((await rejectionOf(verify())).message).to.equal('no route to host');
    });
  });
});
