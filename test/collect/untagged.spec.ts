import { expect } from 'chai';
import { RecordingDriver } from '../../core/test/store/recording-driver.ts';
import { descriptor, indexOf, manifestOf, types, type ManifestContent } from '../oci/content.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR, type Collected } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

const repository = 'team/app';
const DAY = 24 * HOUR;
/** How long manifests are kept that nothing holds. */
const rules = { keepUntagged: DAY };

describe('Garbage collection of untagged manifests', () => {
  let filled: FilledStore;
  beforeEach(() => {
    stoppedClock.stop();
    filled = new FilledStore();
  });
  afterEach(() => stoppedClock.release());

  /** A run, so many hours later. */
  function collectAfter(hours: number): Promise<Collected> {
    stoppedClock.pass(hours * HOUR);
    return filled.collect(rules);
  }
  /** Enough time and enough runs for anything that is to go. */
  async function collectAll(): Promise<void> {
    for (let run = 0; run < 10; run += 1) await collectAfter(12);
  }
  const keeps = (...manifests: readonly ManifestContent[]): Promise<boolean[]> =>
    Promise.all(manifests.map((manifest) => filled.keepsManifest(repository, manifest)));
  /** Pushes a manifest with this subject that no tag names. */
  const signatureOf = (subject: ManifestContent, name: string): ReturnType<typeof filled.pushImage> =>
    filled.pushImage(repository, name, { more: { subject: descriptor(subject, subject.mediaType) } });
  async function pushIndex(
    children: readonly ManifestContent[],
    tags: readonly string[] = [],
  ): Promise<ManifestContent> {
    const index = indexOf(children);
    await filled.pushManifest(repository, index, { tags });
    return index;
  }

  it('keeps them for ever unless the configuration says otherwise', async () => {
    const image = await filled.pushImage(repository, 'untagged');
    for (let run = 0; run < 5; run += 1) {
      stoppedClock.pass(100 * DAY);
      await filled.collect();
    }
    expect(await keeps(image)).to.deep.equal([true]);
  });

  it('removes one that has been held by nothing for so long, and then its blobs', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const kept = await filled.pushImage(repository, 'kept', { tags: ['v2'] });
    await collectAfter(100);
    await filled.store.tags.delete(repository, 'v1');
    const { steps } = await collectAfter(1);
    expect(steps.map(({ action, kind, digest }) => [action, kind, digest])).to.deep.equal([
      ['condemn', 'manifest', image.digest],
    ]);
    await collectAfter(23);
    expect(await keeps(image)).to.deep.equal([true]);

    const { summary } = await collectAfter(1);
    expect(summary.manifests).to.deep.include({ deleted: 1, freed: image.bytes.length });
    expect(await keeps(image, kept)).to.deep.equal([false, true]);
    await collectAfter(1);
    await collectAfter(1);
    expect(await filled.hasBlob(repository, image.layer)).to.equal(false);
    expect(await filled.hasBlob(repository, kept.layer)).to.equal(true);
  });

  it('keeps one that is young, as long as a push may need it', async () => {
    const image = await filled.pushImage(repository, 'child');
    expect((await filled.collect({ ...rules, keepUntagged: 0 })).steps).to.deep.equal([]);
    stoppedClock.pass(HOUR);
    expect((await filled.collect({ ...rules, keepUntagged: 0 })).steps).to.have.lengthOf(1);
    stoppedClock.pass(HOUR - 1);
    await filled.collect({ ...rules, keepUntagged: 0 });
    expect(await keeps(image)).to.deep.equal([true]);
    stoppedClock.pass(1);
    await filled.collect({ ...rules, keepUntagged: 0 });
    expect(await keeps(image)).to.deep.equal([false]);
  });

  it('keeps the manifests of a tagged index, at every level, with their layers', async () => {
    const [amd64, arm64] = [
      await filled.pushImage(repository, 'amd64'),
      await filled.pushImage(repository, 'arm64'),
    ];
    const inner = await pushIndex([amd64]);
    const outer = await pushIndex([inner, arm64], ['v1']);
    await collectAll();
    expect(await keeps(amd64, arm64, inner, outer)).to.deep.equal([true, true, true, true]);
    for (const { layer, config } of [amd64, arm64]) {
      expect(await filled.hasBlob(repository, layer)).to.equal(true);
      expect(await filled.hasBlob(repository, config)).to.equal(true);
    }
  });

  it('keeps signatures and attestations of what stays, and theirs', async () => {
    const image = await filled.pushImage(repository, 'image');
    const index = await pushIndex([image], ['v1']);
    const signature = await signatureOf(index, 'signature');
    const ofChild = await signatureOf(image, 'attestation of a platform');
    const ofSignature = await signatureOf(signature, 'signature of the signature');
    await collectAll();
    expect(await keeps(signature, ofChild, ofSignature)).to.deep.equal([true, true, true]);
    expect(await filled.hasBlob(repository, ofSignature.layer)).to.equal(true);
  });

  it('keeps what a fallback tag names, and what that lists', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const signature = await filled.pushImage(repository, 'signature');
    const fallback = await pushIndex([signature], [image.digest.replace(':', '-')]);
    await collectAll();
    expect(await keeps(image, signature, fallback)).to.deep.equal([true, true, true]);
  });

  it('removes an index first, then what it listed, then what was attached to that', async () => {
    const image = await filled.pushImage(repository, 'image');
    const attestation = await signatureOf(image, 'attestation');
    const index = await pushIndex([image], ['v1']);
    await filled.store.tags.delete(repository, 'v1');
    // Each is condemned one run after what held it; none goes before that is gone.
    for (let run = 0; run < 3; run += 1) await collectAfter(1);
    await collectAfter(21);
    expect(await keeps(index, image, attestation)).to.deep.equal([true, true, true]);
    await collectAfter(1);
    expect(await keeps(index, image, attestation)).to.deep.equal([false, true, true]);
    await collectAfter(1);
    expect(await keeps(index, image, attestation)).to.deep.equal([false, false, true]);
    expect(await filled.keys('repos/team~app/referrers/')).to.have.lengthOf(1);
    await collectAfter(1);
    expect(await keeps(index, image, attestation)).to.deep.equal([false, false, false]);
    expect(await filled.keys('repos/team~app/referrers/')).to.deep.equal([]);
    await collectAll();
    expect(await filled.keys('blobs/')).to.deep.equal([]);
  });

  it('removes what was attached to something that never came', async () => {
    const never = manifestOf({ schemaVersion: 2, mediaType: types.manifest, layers: [] });
    const signature = await signatureOf(never, 'signature of nothing');
    await collectAll();
    expect(await keeps(signature)).to.deep.equal([false]);
  });

  const rescues: Readonly<Record<string, (image: ManifestContent) => Promise<unknown>>> = {
    'a pull by its digest': ({ digest }) => filled.store.manifests.get(repository, digest),
    'another push of it': (image) => filled.pushManifest(repository, image),
    'a push of an index that lists it': (image) => pushIndex([image]),
  };
  for (const [what, rescue] of Object.entries(rescues)) {
    it(`starts anew to count the time of one that is condemned with ${what}`, async () => {
      const image = await filled.pushImage(repository, 'image');
      await collectAfter(2);
      stoppedClock.pass(23 * HOUR);
      await rescue(image);
      await collectAfter(2);
      await collectAfter(22);
      expect(await keeps(image)).to.deep.equal([true]);
      await collectAll();
      expect(await keeps(image)).to.deep.equal([false]);
    });
  }

  it('keeps one that gets a tag after it was condemned, and all that had been condemned with it', async () => {
    const image = await filled.pushImage(repository, 'image');
    const attestation = await signatureOf(image, 'attestation');
    const index = await pushIndex([image], ['v1']);
    await filled.store.tags.delete(repository, 'v1');
    for (let run = 0; run < 4; run += 1) await collectAfter(4);
    await filled.pushManifest(repository, index, { tags: ['v2'] });
    const { summary } = await collectAfter(1);
    expect(summary.manifests.rescued).to.equal(1);
    await collectAll();
    expect(await keeps(index, image, attestation)).to.deep.equal([true, true, true]);
    // And if the tag goes again, all of them have their time anew.
    await filled.store.tags.delete(repository, 'v2');
    for (let run = 0; run < 4; run += 1) await collectAfter(5);
    expect(await keeps(index, image, attestation)).to.deep.equal([true, true, true]);
  });

  it('keeps what a damaged tag remembers', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1'] });
    const [key = ''] = await filled.keys('repos/team~app/tags/');
    const stored = Buffer.from((await filled.driver.read(key))?.bytes ?? []).toString();
    await filled.driver.write(key, Buffer.from(`{${stored.slice(stored.indexOf('\n'))}`));
    await collectAll();
    expect(await keeps(image)).to.deep.equal([true]);
  });

  it('keeps one that another repository has under a tag only there', async () => {
    const image = await filled.pushImage('a', 'image', { tags: ['v1'] });
    await filled.store.blobs.mount('a', 'b', image.layer.digest);
    await filled.store.blobs.mount('a', 'b', image.config.digest);
    await filled.pushManifest('b', image);
    await collectAll();
    expect(await filled.keepsManifest('a', image)).to.equal(true);
    expect(await filled.keepsManifest('b', image)).to.equal(false);
    expect(await filled.hasBlob('a', image.layer)).to.equal(true);
  });

  it('leaves the deletion that a client has begun to clients', async () => {
    const recording = new RecordingDriver();
    filled = new FilledStore(recording);
    const image = await filled.pushImage(repository, 'image');
    recording.before = ({ text }) => {
      if (text === 'delete manifest') throw new Error('the client dies');
    };
    await filled.deleteManifest(repository, image).catch(() => undefined);
    recording.before = () => undefined;
    await collectAll();
    expect(await keeps(image)).to.deep.equal([true]);
  });

  it('goes on with a removal that has been broken off; until then the manifest counts as absent', async () => {
    const recording = new RecordingDriver();
    filled = new FilledStore(recording);
    const image = await filled.pushImage(repository, 'image');
    await collectAfter(2);
    recording.before = ({ text }) => {
      if (text === 'delete manifest') throw new Error('the run dies');
    };
    await collectAfter(24).catch(() => undefined);
    recording.before = () => undefined;
    expect(await keeps(image)).to.deep.equal([true]);
    expect(await filled.store.manifests.get(repository, image.digest)).to.equal(undefined);
    await collectAfter(1);
    expect(await keeps(image)).to.deep.equal([false]);
  });

  it('and a push of it meanwhile brings it back', async () => {
    const recording = new RecordingDriver();
    filled = new FilledStore(recording);
    const image = await filled.pushImage(repository, 'image');
    await collectAfter(2);
    recording.before = ({ text }) => {
      if (text === 'delete manifest') throw new Error('the run dies');
    };
    await collectAfter(24).catch(() => undefined);
    recording.before = () => undefined;
    await filled.pushManifest(repository, image, { tags: ['v1'] });
    await collectAll();
    expect((await filled.store.manifests.get(repository, image.digest))?.digest).to.equal(image.digest);
    expect(await filled.hasBlob(repository, image.layer)).to.equal(true);
  });
});
