import { expect } from 'chai';
import { StorageError } from '@entrepot/plugin-sdk';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';
import { freshContent, incoming, manifestOf, putting, storeOn } from './stored-content.ts';

const small = 1000;
const medium = 40_000;
const large = 3 * 1024 * 1024;

describe('The order in which a blob appears', () => {
  it('is one step for few bytes: they are in the record, and link and record are each nothing without the other', async () => {
    const driver = new RecordingDriver();
    const { bytes, digest } = freshContent(small);
    await storeOn(driver).uploads.put('app', digest, incoming(bytes));
    expect(driver.texts).to.have.members(['write record', 'write link']);
  });

  it('is its bytes, then its record and its link', async () => {
    for (const size of [medium, large]) {
      const driver = new RecordingDriver();
      const { bytes, digest } = freshContent(size);
      await storeOn(driver).uploads.put('app', digest, incoming(bytes));
      const written = size === medium ? 'write data' : 'completeUpload data';
      expect(driver.isBefore(written, 'write record')).to.equal(true);
      expect(driver.isBefore(written, 'write link')).to.equal(true);
    }
  });

  it('is, where the record is there already, its record confirmed, then its link, then its own bytes away', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const { bytes, digest } = freshContent(medium);
    await store.uploads.put('app', digest, incoming(bytes));
    driver.forget();
    await store.uploads.put('other', digest, incoming(bytes));
    expect(driver.isBefore('write data', 'write link')).to.equal(true);
    expect(driver.changes.at(-1)).to.equal('delete data');
    expect(await store.blobs.find('other', digest)).to.include({ digest, size: medium });
  });

  it('does not begin when the digest is known to be wrong: what parts there are go again', async () => {
    for (const size of [small, medium, large]) {
      const driver = new RecordingDriver();
      const wrong = freshContent(1).digest;
      const put = storeOn(driver).uploads.put('app', wrong, incoming(freshContent(size).bytes));
      expect(await rejectionOf(put)).to.include({ code: 'DIGEST_INVALID' });
      const written = ['write data', 'completeUpload data', 'write record', 'write link'];
      expect(driver.texts.filter((text) => written.includes(text))).to.deep.equal([]);
      expect(driver.openUploads.size).to.equal(0);
    }
  });

  for (const size of [small, medium, large]) {
    it(`leaves ${size} bytes whole or absent when the process dies at any step, and they can be pushed again`, async () => {
      const { bytes, digest } = freshContent(size);
      for (let step = 0; ; step += 1) {
        const driver = new RecordingDriver();
        let calls = 0;
        driver.before = () => {
          // A dead process asks for nothing more.
          if (calls >= step) throw new Error('the process is dead');
          calls += 1;
        };
        const pushed = await storeOn(driver)
          .uploads.put('app', digest, incoming(bytes))
          .catch(() => undefined);
        driver.before = () => undefined;
        const replica = storeOn(driver);
        const found = await replica.blobs.check('app', digest);
        if (pushed !== undefined) expect(found).to.include({ digest, size });
        if (found !== undefined) expect(await contentOf(driver, digest)).to.deep.equal(bytes);
        await replica.uploads.put('app', digest, incoming(bytes));
        expect(await contentOf(driver, digest)).to.deep.equal(bytes);
        if (pushed !== undefined) break;
      }
    });
  }

  it('fails as storage fails, at any step, and never says that a blob is there which is not', async () => {
    const { bytes, digest } = freshContent(medium);
    for (let step = 0; step < 3; step += 1) {
      const driver = new RecordingDriver();
      let calls = 0;
      driver.before = () => {
        if (calls++ === step) throw new StorageError('UNAVAILABLE', 'down');
      };
      const error = await rejectionOf(storeOn(driver).uploads.put('app', digest, incoming(bytes)));
      expect(error).to.include({ code: 'UNAVAILABLE' });
      driver.before = () => undefined;
      expect(await storeOn(driver).blobs.check('app', digest)).to.equal(undefined);
    }
  });

  /** What a client that pulls the blob gets. */
  async function contentOf(driver: RecordingDriver, digest: string): Promise<Buffer> {
    const { blobs } = storeOn(driver);
    const blob = await blobs.check('app', digest);
    if (blob === undefined) throw new Error('the blob is absent');
    if (blobs.isSmall(blob)) return (await blobs.bytes(blob)) ?? Buffer.alloc(0);
    const object = await blobs.open(blob);
    const chunks: Uint8Array[] = [];
    for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read()) {
      chunks.push(chunk.slice());
    }
    await object?.close();
    return Buffer.concat(chunks);
  }
});

describe('What storage is asked for a blob', () => {
  const found = ['read link', 'read record'];
  const cases: readonly [what: string, size: number, head: readonly string[], pull: readonly string[]][] = [
    ['in its record', small, found, found],
    ['kept in memory once they are checked', medium, [...found, 'size data'], found],
    ['streamed', large, [...found, 'size data'], [...found, 'open data']],
  ];
  for (const [what, size, head, pull] of cases) {
    it(`whose bytes are ${what} is ${head.length} calls for HEAD and ${pull.length} for GET, link and record at once`, async () => {
      const driver = new RecordingDriver();
      const store = storeOn(driver);
      const { bytes, digest } = freshContent(size);
      await store.uploads.put('app', digest, incoming(bytes));
      await store.blobs.check('app', digest);

      driver.forget();
      await store.blobs.check('app', digest);
      expect(driver.texts).to.deep.equal(head);
      expect(driver.isBefore('read link', 'read record')).to.equal(false);

      driver.forget();
      const blob = await store.blobs.find('app', digest);
      if (blob === undefined) throw new Error('the blob is absent');
      if (store.blobs.isSmall(blob)) await store.blobs.bytes(blob);
      else await (await store.blobs.open(blob))?.close();
      expect(driver.texts).to.deep.equal(pull);
    });
  }

  it('that is about to be pulled from elsewhere is measured, and not when it is small', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    for (const [size, calls] of [
      [medium, found],
      [large, [...found, 'size data']],
    ] as const) {
      const { bytes, digest } = freshContent(size);
      await store.uploads.put('app', digest, incoming(bytes));
      driver.forget();
      expect(await store.blobs.check('app', digest, { smallToo: false })).to.include({ digest, size });
      expect(driver.texts).to.have.members([...calls]);
    }
  });

  it('that is mounted is one write, and no byte', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const { bytes, digest } = freshContent(large);
    await store.uploads.put('app', digest, incoming(bytes));
    driver.forget();
    await store.blobs.mount('app', 'other', digest);
    expect(driver.changes).to.deep.equal(['write link']);
    expect(driver.texts.length).to.be.at.most(7);
  });

  it('that is deleted is one delete: of the link, which other repositories have of their own', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const { bytes, digest } = freshContent(small);
    await store.uploads.put('app', digest, incoming(bytes));
    driver.forget();
    expect(await store.blobs.unlink('app', digest)).to.equal(true);
    expect(driver.changes).to.deep.equal(['delete link']);
    expect(await store.blobs.unlink('app', digest)).to.equal(false);
  });
});

describe('A blob that collection is after', () => {
  /** A store with a blob whose record has been changed as a collector does. */
  async function collected(state: 'condemned' | 'deleting') {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const content = freshContent(medium);
    await store.uploads.put('app', content.digest, incoming(content.bytes));
    const key = driver.calls.find(({ text }) => text === 'write record')?.key ?? '';
    const record = Buffer.from((await driver.read(key))?.bytes ?? []).toString();
    await driver.write(key, Buffer.from(record.replace('"state":"live"', `"state":"${state}"`)));
    driver.forget();
    return { driver, store, ...content };
  }

  it('is rescued by being found: what is promised stays', async () => {
    const { driver, store, digest } = await collected('condemned');
    expect(await store.blobs.find('app', digest)).to.include({ digest });
    expect(driver.changes).to.deep.equal(['write record']);
    driver.forget();
    await store.blobs.find('app', digest);
    expect(driver.changes).to.deep.equal([]);
  });

  it('is gone once it is being deleted, for HEAD, manifests and mounts', async () => {
    const { store, digest } = await collected('deleting');
    expect(await store.blobs.find('app', digest)).to.equal(undefined);
    const manifest = manifestOf({ layers: [{ mediaType: 'a/b', digest, size: medium }] });
    const refused = await rejectionOf(store.manifests.put('app', manifest, putting('v1')));
    expect(refused).to.deep.include({ code: 'MANIFEST_BLOB_UNKNOWN', details: [{ digest }] });
    expect(await store.blobs.mount('app', 'other', digest)).to.equal(undefined);
    expect(await store.blobs.mountFromAnywhere('other', digest)).to.equal(undefined);
  });

  it('begins a new life when it is pushed again: links of the old one do not count', async () => {
    const { store, digest, bytes } = await collected('deleting');
    await store.uploads.put('other', digest, incoming(bytes));
    expect(await store.blobs.check('other', digest)).to.include({ digest });
    expect(await store.blobs.find('app', digest)).to.equal(undefined);
  });
});
