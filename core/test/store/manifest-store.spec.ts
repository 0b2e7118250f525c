import { expect } from 'chai';
import { StorageError } from '@entrepot/plugin-sdk';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';
import { freshContent, incoming, manifestOf, putting, storeOn, subjectOf } from './stored-content.ts';

const subject = { mediaType: 'a/b', digest: freshContent(1).digest, size: 1 };

describe('The order in which a manifest appears', () => {
  it('is the check of what it refers to, the manifest, its referrers entry, its tags', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const { bytes, digest } = freshContent(100);
    await store.uploads.put('app', digest, incoming(bytes));
    driver.forget();
    const manifest = manifestOf({ layers: [{ mediaType: 'a/b', digest, size: 100 }], subject });
    await store.manifests.put('app', manifest, putting('v1', 'v2'));
    const order = ['read record', 'write manifest', 'write referrer', 'write tag'];
    for (const [index, later] of order.slice(1).entries()) {
      expect(driver.isBefore(order[index] ?? '', later), later).to.equal(true);
    }
    expect(driver.isBefore('write catalog', 'write tag')).to.equal(true);
    // Its last look is at the manifest: it stands, and no delete has taken it.
    expect(driver.texts.at(-1)).to.equal('read manifest');
  });

  it('leaves no tag that leads nowhere, and no entry of what is not there, when the process dies at any step', async () => {
    for (let step = 0; ; step += 1) {
      const driver = new RecordingDriver();
      const manifest = manifestOf({ subject });
      let calls = 0;
      driver.before = () => {
        if (calls >= step) throw new Error('the process is dead');
        calls += 1;
      };
      const put = await storeOn(driver)
        .manifests.put('app', manifest, putting('v1', 'v2'))
        .catch(() => undefined);
      driver.before = () => undefined;
      const { tags, manifests, referrers, catalog } = storeOn(driver);
      const isThere = (await manifests.get('app', manifest.digest)) !== undefined;
      const { names } = await tags.list('app', { limit: 10 });
      const { descriptors } = await referrers.list('app', subject.digest, { maxBytes: 1000, limit: 10 });
      if (!isThere) expect([names, descriptors]).to.deep.equal([[], []]);
      if (names.length > 0) expect(await catalog.has('app')).to.equal(true);
      await storeOn(driver).manifests.put('app', manifest, putting('v1', 'v2'));
      expect((await tags.list('app', { limit: 10 })).names).to.deep.equal(['v1', 'v2']);
      if (put !== undefined) break;
    }
  });

  it('ends before the first write when something it refers to is missing', async () => {
    const driver = new RecordingDriver();
    const manifest = manifestOf({ layers: [{ ...subject, digest: freshContent(1).digest }] });
    const error = await rejectionOf(storeOn(driver).manifests.put('app', manifest, putting('v1')));
    expect(error).to.include({ code: 'MANIFEST_BLOB_UNKNOWN' });
    expect(driver.changes).to.deep.equal([]);
  });

  it('takes trouble with storage for trouble, never for a blob that is missing', async () => {
    const driver = new RecordingDriver();
    driver.before = ({ verb, kind }) => {
      if (verb === 'read' && kind === 'link') throw new StorageError('UNAVAILABLE', 'down');
    };
    const manifest = manifestOf({ layers: [subject] });
    const error = await rejectionOf(storeOn(driver).manifests.put('app', manifest, putting('v1')));
    expect(error).to.include({ name: 'StorageError', code: 'UNAVAILABLE' });
  });
});

describe('The order in which a manifest goes', () => {
  it('is a mark, its tags, its referrers entry, the manifest', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const manifest = manifestOf({ subject });
    await store.manifests.put('app', manifest, putting('v1', 'v2'));
    driver.forget();
    await store.manifests.delete('app', manifest.digest, () => subject.digest);
    const order = ['write manifest', 'delete tag', 'delete referrer', 'delete manifest'];
    for (const [index, later] of order.slice(1).entries()) {
      expect(driver.isBefore(order[index] ?? '', later), later).to.equal(true);
    }
    expect(driver.changes).to.have.lengthOf(5);
  });

  it('leaves no tag that leads nowhere when the process dies at any step, and the delete can be repeated', async () => {
    for (let step = 0; ; step += 1) {
      const driver = new RecordingDriver();
      const store = storeOn(driver);
      const manifest = manifestOf({ subject });
      await store.manifests.put('app', manifest, putting('v1', 'v2'));
      let calls = 0;
      driver.before = () => {
        if (calls >= step) throw new Error('the process is dead');
        calls += 1;
      };
      const gone = await store.manifests
        .delete('app', manifest.digest, () => subject.digest)
        .catch(() => undefined);
      driver.before = () => undefined;
      const { tags, manifests, referrers } = storeOn(driver);
      const { names } = await tags.list('app', { limit: 10 });
      const { descriptors } = await referrers.list('app', subject.digest, { maxBytes: 1000, limit: 10 });
      const isThere = (await manifests.get('app', manifest.digest)) !== undefined;
      if (!isThere) expect([names, descriptors]).to.deep.equal([[], []]);
      if (gone !== undefined) {
        expect(isThere).to.equal(false);
        break;
      }
      expect(isThere).to.equal(true);
      await manifests.delete('app', manifest.digest, () => subject.digest);
      expect(await manifests.get('app', manifest.digest)).to.equal(undefined);
      expect((await tags.list('app', { limit: 10 })).names).to.deep.equal([]);
    }
  });

  it('spares tags that have moved to another manifest', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const [old, young] = [manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('a', 'b'));
    await store.manifests.put('app', young, putting('b'));
    const gone = await store.manifests.delete('app', old.digest, subjectOf);
    expect(gone?.tags).to.deep.equal(['a']);
    expect((await store.tags.get('app', 'b'))?.digest).to.equal(young.digest);
  });
});

describe('What storage is asked for a manifest', () => {
  it('is one read, by tag as by digest', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const manifest = manifestOf();
    await store.manifests.put('app', manifest, putting('v1'));
    driver.forget();
    await store.manifests.get('app', manifest.digest);
    expect(driver.texts).to.deep.equal(['read manifest']);

    driver.forget();
    const tag = await store.tags.get('app', 'v1');
    await store.manifests.getTagged('app', tag?.digest ?? '');
    expect(driver.texts).to.deep.equal(['read tag']);
  });

  it('is one read more by tag in a replica that has never seen the manifest', async () => {
    const driver = new RecordingDriver();
    const manifest = manifestOf();
    await storeOn(driver).manifests.put('app', manifest, putting('v1'));
    driver.forget();
    const replica = storeOn(driver);
    const tag = await replica.tags.get('app', 'v1');
    expect((await replica.manifests.getTagged('app', tag?.digest ?? ''))?.bytes).to.deep.equal(
      manifest.bytes,
    );
    expect(driver.texts).to.deep.equal(['read tag', 'read manifest']);
  });

  it('that is pushed under a new tag is the three writes there have to be', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    await store.manifests.put('app', manifestOf(), putting('v1'));
    driver.forget();
    await store.manifests.put('app', manifestOf(), putting('v2'));
    expect(driver.changes).to.have.members(['write manifest', 'write tag']);
    expect(driver.texts.length).to.be.at.most(7);
  });

  it('that is pushed again as it is is no write at all', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const manifest = manifestOf({ subject });
    await store.manifests.put('app', manifest, putting('v1'));
    driver.forget();
    await store.manifests.put('app', manifest, putting('v1'));
    const changed = driver.calls.filter(({ verb }) => verb === 'write' || verb === 'delete');
    // A create that finds the entry there changes nothing.
    expect(changed.map(({ text }) => text)).to.deep.equal(['write referrer']);
  });

  it('with many layers is link and record of each, and not one after the other', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const contents = Array.from({ length: 20 }, () => freshContent(100));
    for (const { bytes, digest } of contents) await store.uploads.put('app', digest, incoming(bytes));
    driver.forget();
    const layers = contents.map(({ digest }) => ({ mediaType: 'a/b', digest, size: 100 }));
    await store.manifests.put('app', manifestOf({ layers: [...layers, ...layers] }), putting('v1'));
    const asked = driver.texts.filter((text) => text === 'read link' || text === 'read record');
    expect(asked).to.have.lengthOf(40);
    expect(driver.calls[39]?.settledAt).to.be.at.least(40);
  });

  it('that is deleted is a look through the tags of its repository, and nothing of any other', async () => {
    const driver = new RecordingDriver();
    const store = storeOn(driver);
    const manifest = manifestOf();
    await store.manifests.put('app', manifest, putting('v1'));
    await store.manifests.put('app', manifestOf(), putting('v2'));
    await store.manifests.put('other', manifestOf(), putting('v3'));
    driver.forget();
    await store.manifests.delete('app', manifest.digest, subjectOf);
    expect(driver.calls.filter(({ key }) => key.includes('other'))).to.deep.equal([]);
    expect(driver.texts.length).to.be.at.most(7);
  });
});

describe('A push and a delete of the same manifest at once', () => {
  it('never lose a tag whose push was answered after the delete began, whoever of them is slow', async () => {
    const pauses = ['write manifest', 'list tag', 'delete tag', 'delete manifest', 'read tag'];
    for (const pause of pauses) {
      const driver = new RecordingDriver();
      const [deleting, pushing] = [storeOn(driver), storeOn(driver)];
      const manifest = manifestOf({ subject });
      await pushing.manifests.put('app', manifest, putting('v1'));
      const reached = Promise.withResolvers<void>();
      const resumed = Promise.withResolvers<void>();
      driver.before = async ({ text }) => {
        if (text !== pause) return;
        driver.before = () => undefined;
        reached.resolve();
        await resumed.promise;
      };
      const deleted = deleting.manifests.delete('app', manifest.digest, () => subject.digest);
      await reached.promise;
      const put = pushing.manifests.put('app', manifest, putting('v1', 'v2'));
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      resumed.resolve();
      await Promise.all([deleted, put]);
      const view = storeOn(driver);
      expect(await view.manifests.get('app', manifest.digest), pause).to.not.equal(undefined);
      const { names } = await view.tags.list('app', { limit: 10 });
      expect(names, pause).to.deep.equal(['v1', 'v2']);
    }
  });
});
