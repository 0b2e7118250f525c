import { expect } from 'chai';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { rejectionOf } from '../../core/test/rejection.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Undo } from '../../core/src/registry/undo.ts';
import { TimeLimitedDriver } from '../../core/src/store/time-limited-driver.ts';
import { Verification } from '../../core/src/store/verify/verification.ts';
import { descriptor, indexOf, type ManifestContent } from '../oci/content.ts';
import { openStore } from '../races/registry-view.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR, type Collected } from './collecting.ts';
import { FilledStore } from './filled-store.ts';
import { undoOn } from './undo-cases.ts';

const repository = 'team/app';
const DAY = 24 * HOUR;
const rules = { restoreWindow: 7 * DAY };

function verificationOf({ driver, store }: FilledStore): Verification {
  return new Verification(new TimeLimitedDriver(driver), {
    deep: true,
    repair: false,
    mayLack: 'nothing',
    uploadMaxAge: DAY,
    parse: ({ bytes, mediaType }) => parseManifest(bytes, mediaType, 'sha256'),
    sweepUploads: () => store.uploads.expire(),
    waits: { patience: 0, settle: 0, safetyAge: DAY },
  });
}

describe('What has been deleted', () => {
  let filled: FilledStore;
  let undo: Undo;
  beforeEach(() => {
    stoppedClock.stop();
    filled = new FilledStore(new MemoryDriver(new Memory(2 ** 26)), { keepsDeleted: true });
    undo = undoOn(filled.store);
  });
  afterEach(() => stoppedClock.release());

  async function collectAfter(hours: number, more: object = {}): Promise<Collected> {
    stoppedClock.pass(hours * HOUR);
    return filled.collect({ ...rules, ...more });
  }
  const get = ({ digest }: { digest: string }): Promise<unknown> =>
    filled.store.manifests.get(repository, digest);
  const tagged = async (tag: string): Promise<string | undefined> =>
    (await filled.store.tags.get(repository, tag))?.digest;
  const untag = (tag: string): Promise<unknown> =>
    filled.store.tags.delete(repository, tag, { actor: 'eve' });
  const happened = async (tag: string): Promise<unknown[]> =>
    (await undo.history(repository, tag)).map(({ digest, deleted, manifest }) => [digest, deleted, manifest]);

  it('is absent at once, also for a replica that remembers it', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const replica = openStore(filled.driver, { keepsDeleted: true });
    await replica.manifests.get(repository, image.digest);
    await filled.deleteManifest(repository, image);
    for (const { manifests, tags, referrers } of [filled.store, replica]) {
      expect(await manifests.get(repository, image.digest)).to.equal(undefined);
      expect(await manifests.getTagged(repository, image.digest)).to.equal(undefined);
      expect(await tags.get(repository, 'v1')).to.equal(undefined);
      expect((await tags.list(repository, { limit: 10 })).names).to.deep.equal([]);
      const page = await referrers.list(repository, image.digest, { maxBytes: 1000, limit: 10 });
      expect(page.descriptors).to.deep.equal([]);
    }
    expect(await filled.store.manifests.delete(repository, image.digest, () => undefined)).to.equal(
      undefined,
    );
  });

  it('can be restored with its tags and blobs as long as the window lasts, whatever is collected', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1', 'v2'] });
    await filled.deleteManifest(repository, image);
    for (let run = 0; run < 13; run += 1) await collectAfter(12, { keepUntagged: 0 });
    const restored = await undo.undeleteManifest(repository, image.digest);
    expect(restored).to.deep.include({ tags: ['v1', 'v2'], taken: [], manifests: [image.digest] });
    for (let run = 0; run < 20; run += 1) await collectAfter(24);
    expect(await get(image)).to.not.equal(undefined);
    expect([await tagged('v1'), await tagged('v2')]).to.deep.equal([image.digest, image.digest]);
    expect(await filled.hasBlob(repository, image.layer)).to.equal(true);
    expect(await filled.hasBlob(repository, image.config)).to.equal(true);
  });

  it('goes when the window ends, with its blobs and what was kept of its tags, and the summary says until when it waits', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const deleted = Date.now();
    await filled.deleteManifest(repository, image);
    const { summary } = await collectAfter(24);
    expect(summary.manifests.waiting).to.deep.include({ count: 1, until: deleted + 7 * DAY });
    await collectAfter(6 * 24 - 1);
    expect(await filled.store.manifests.presence(repository, image.digest)).to.equal('deleted');

    const dry = await collectAfter(1, { dryRun: true });
    expect(dry.steps.map(({ action, kind }) => [action, kind])).to.deep.equal([['delete', 'manifest']]);
    expect(await filled.store.manifests.presence(repository, image.digest)).to.equal('deleted');
    const { steps } = await collectAfter(0);
    expect(steps.map(({ digest }) => digest)).to.deep.equal([image.digest]);
    expect(await filled.store.manifests.presence(repository, image.digest)).to.equal('gone');
    expect(await filled.keys('deleted-tags/')).to.deep.equal([]);
    expect((await rejectionOf(undo.undeleteManifest(repository, image.digest))).message).to.match(
      /cannot be restored any more/,
    );
    await collectAfter(1);
    await collectAfter(1);
    expect(await filled.keys('blobs/')).to.deep.equal([]);
  });

  it('is not kept where nothing is to be restored', async () => {
    filled = new FilledStore(filled.driver, { keepsDeleted: false });
    const image = await filled.pushImage(repository, 'image', { tags: ['v1', 'v2'] });
    await untag('v2');
    await filled.deleteManifest(repository, image);
    expect(await filled.keysOfContent()).to.deep.equal([]);
  });

  it('is nothing that verify finds fault with, also when its blobs have been deleted besides', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    await filled.pushImage(repository, 'kept', { tags: ['v2'] });
    await filled.deleteManifest(repository, image);
    await filled.store.blobs.unlink(repository, image.layer.digest);
    const findings = [];
    for await (const finding of verificationOf(filled).findings()) findings.push(finding);
    expect(findings).to.deep.equal([]);
  });

  it('lives anew when it is pushed again', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    await filled.deleteManifest(repository, image);
    await filled.pushManifest(repository, image, { tags: ['v3'] });
    await collectAfter(8 * 24);
    expect(await get(image)).to.not.equal(undefined);
    expect([await tagged('v1'), await tagged('v3')]).to.deep.equal([undefined, image.digest]);
  });

  it('of an index is restored with what it lists', async () => {
    const children = [
      await filled.pushImage(repository, 'amd64'),
      await filled.pushImage(repository, 'arm64'),
    ];
    const index = indexOf(children);
    await filled.pushManifest(repository, index, { tags: ['v1'] });
    for (const each of [index, ...children]) await filled.deleteManifest(repository, each);
    const { manifests } = await undo.undeleteTag(repository, 'v1');
    expect(manifests).to.have.members([...children, index].map(({ digest }) => digest));
    expect(manifests.at(-1)).to.equal(index.digest);
    for (const each of [index, ...children]) expect(await get(each)).to.not.equal(undefined);
  });

  it('of a signature is listed again, and one of what was deleted stays with it', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const more = { subject: descriptor(image, image.mediaType) };
    const signature = await filled.pushImage(repository, 'signature', { more });
    const listed = async (): Promise<unknown[]> => {
      const page = await filled.store.referrers.list(repository, image.digest, { maxBytes: 9000, limit: 9 });
      return page.descriptors.map(({ digest }) => digest);
    };
    await filled.deleteManifest(repository, image);
    for (let run = 0; run < 4; run += 1) await collectAfter(24, { keepUntagged: 0 });
    await undo.undeleteTag(repository, 'v1');
    expect(await listed()).to.deep.equal([signature.digest]);
    await filled.deleteManifest(repository, signature);
    expect(await listed()).to.deep.equal([]);
    await undo.undeleteManifest(repository, signature.digest);
    expect(await listed()).to.deep.equal([signature.digest]);
  });

  it('can be restored when a client has deleted its blobs besides', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    await filled.deleteManifest(repository, image);
    for (const blob of [image.layer, image.config]) await filled.store.blobs.unlink(repository, blob.digest);
    await collectAfter(24);
    await collectAfter(24);
    await undo.undeleteTag(repository, 'v1');
    expect(await filled.hasBlob(repository, image.layer)).to.equal(true);
  });

  it('leaves tags alone that have been set since', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1', 'v2'] });
    await filled.deleteManifest(repository, image);
    const other = await filled.pushImage(repository, 'other', { tags: ['v1'] });
    expect(await undo.undeleteManifest(repository, image.digest)).to.deep.include({
      tags: ['v2'],
      taken: ['v1'],
    });
    expect(await tagged('v1')).to.equal(other.digest);
    expect((await rejectionOf(undo.undeleteTag(repository, 'v1'))).message).to.match(/is there/);
  });

  describe('of a tag', () => {
    it('is remembered, with when and by whom, across its deletions', async () => {
      const [old, young] = [
        await filled.pushImage(repository, 'old', { tags: ['v1'] }),
        await filled.pushImage(repository, 'young', { tags: ['v1'] }),
      ];
      stoppedClock.pass(HOUR);
      await untag('v1');
      stoppedClock.pass(HOUR);
      await filled.pushManifest(repository, old, { tags: ['v1'] });
      stoppedClock.pass(HOUR);
      await filled.deleteManifest(repository, old);
      expect(await happened('v1')).to.deep.equal([
        [old.digest, 'manifest', 'deleted'],
        [old.digest, undefined, 'deleted'],
        [young.digest, 'tag', 'there'],
        [young.digest, undefined, 'there'],
        [old.digest, undefined, 'deleted'],
      ]);
      const [, , deletion] = await undo.history(repository, 'v1');
      expect(deletion).to.deep.include({ actor: 'eve', at: Date.now() - 2 * HOUR });
    });

    it('is what it was at any time', async () => {
      const old = await filled.pushImage(repository, 'old', { tags: ['v1'] });
      const began = Date.now();
      stoppedClock.pass(2 * HOUR);
      const young = await filled.pushImage(repository, 'young', { tags: ['v1'] });
      stoppedClock.pass(2 * HOUR);
      await untag('v1');
      const at = (hours: number): Promise<string> => undo.digestAt(repository, 'v1', began + hours * HOUR);
      expect([await at(0), await at(1), await at(2), await at(3)]).to.deep.equal(
        [old, old, young, young].map(({ digest }) => digest),
      );
      expect((await rejectionOf(at(5))).message).to.match(/was deleted at that time/);
      expect((await rejectionOf(at(-1))).message).to.match(/not remembered/);
    });

    it('holds what it pointed at for the window, and no longer', async () => {
      const [old, young] = [
        await filled.pushImage(repository, 'old', { tags: ['v1', 'v2'] }),
        await filled.pushImage(repository, 'young', { tags: ['v3'] }),
      ];
      await filled.pushManifest(repository, young, { tags: ['v1'] });
      await untag('v2');
      for (let run = 0; run < 6; run += 1) await collectAfter(24, { keepUntagged: 0 });
      expect(await get(old)).to.not.equal(undefined);
      await undo.restoreTag(repository, 'v1', old.digest);
      expect(await tagged('v1')).to.equal(old.digest);
      await undo.restoreTag(repository, 'v1', young.digest);
      for (let run = 0; run < 6; run += 1) await collectAfter(24, { keepUntagged: 0 });
      expect(await filled.keepsManifest(repository, old)).to.equal(true);
      for (let run = 0; run < 4; run += 1) await collectAfter(24, { keepUntagged: 0 });
      expect(await filled.keepsManifest(repository, old)).to.equal(false);
    });

    it('that was moved while it was deleted has not been deleted', async () => {
      const old = await filled.pushImage(repository, 'old', { tags: ['v1'] });
      const { deletedTags } = filled.store;
      const record = await filled.store.tags.get(repository, 'v1');
      if (record === undefined) throw new Error('the tag is not there');
      // Its deletion has been noted, and the process has died.
      await deletedTags.note(repository, 'v1', record, { deleted: 'tag' });
      expect(await happened('v1')).to.deep.equal([[old.digest, undefined, 'there']]);
      const young = await filled.pushImage(repository, 'young', { tags: ['v1'] });
      const now = [
        [young.digest, undefined, 'there'],
        [old.digest, undefined, 'there'],
      ];
      expect(await happened('v1')).to.deep.equal(now);
      await untag('v1');
      expect(await happened('v1')).to.deep.equal([[young.digest, 'tag', 'there'], ...now]);
    });

    it('is kept to the last hundred changes', async () => {
      const images: ManifestContent[] = [];
      for (const name of ['a', 'b']) images.push(await filled.pushImage(repository, name));
      for (let change = 0; change < 120; change += 1) {
        stoppedClock.pass(1000);
        const image = images[change % 2];
        if (image !== undefined) await filled.pushManifest(repository, image, { tags: ['v1'] });
        if (change % 40 === 39) await untag('v1');
      }
      expect((await filled.store.deletedTags.get(repository, 'v1'))?.history).to.have.lengthOf(100);
    });
  });

  it('is held by what is kept of a tag also when that is damaged', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    await untag('v1');
    const [key = ''] = await filled.keys('deleted-tags/');
    const bytes = Buffer.from((await filled.driver.read(key))?.bytes ?? []).toString();
    await filled.driver.write(key, Buffer.from(`{${bytes}`));
    let damaged = 0;
    for (let run = 0; run < 20; run += 1)
      ({ damaged } = (await collectAfter(24, { keepUntagged: 0 })).summary);
    expect(damaged).to.equal(1);
    expect(await filled.keepsManifest(repository, image)).to.equal(true);
  });
});
