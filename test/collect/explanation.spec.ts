import { expect } from 'chai';
import { Explanation } from '../../core/src/store/explain/explanation.ts';
import type { Reasons } from '../../core/src/store/explain/reasons.ts';
import { contentOf, descriptor, imageOf, indexOf } from '../oci/content.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { HOUR, parseStored } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

const repository = 'team/app';
const rules = { grace: HOUR, keepUntagged: 3 * HOUR, restoreWindow: 0 };

describe('What is said of a blob or a manifest that somebody asks about', () => {
  let filled: FilledStore;
  beforeEach(() => {
    stoppedClock.stop();
    filled = new FilledStore();
  });
  afterEach(() => stoppedClock.release());

  const explanation = (changed: Partial<typeof rules> | { keepUntagged: undefined } = {}): Explanation =>
    new Explanation(filled.driver, { ...rules, ...changed }, parseStored);
  const ofBlob = ({ digest }: { digest: string }): Promise<Reasons> => explanation().blob(digest);
  const ofManifest = ({ digest }: { digest: string }): Promise<Reasons> =>
    explanation().of(repository, digest);

  it('names the manifests that keep a blob, in all repositories', async () => {
    const image = await filled.pushImage(repository, 'kept', { tags: ['v1'] });
    await filled.store.blobs.mount(repository, 'other', image.layer.digest);
    await filled.store.blobs.mount(repository, 'other', image.config.digest);
    await filled.pushManifest('other', image);
    stoppedClock.pass(2 * HOUR);
    const reasons = await ofBlob(image.layer);
    expect(reasons).to.deep.include({ kind: 'blob', state: 'live', holders: 2, repositories: 2 });
    expect(reasons.size).to.equal(image.layer.bytes.length);
    expect(reasons.heldBy).to.deep.equal(
      ['other', repository].map((name) => ({ kind: 'manifest', repository: name, digest: image.digest })),
    );
    expect([reasons.promisedUntil, reasons.goes]).to.deep.equal([undefined, undefined]);
  });

  it('says until when a blob is promised, and when it goes, as collection then does', async () => {
    const blob = await filled.pushBlob(repository, 'nobody needs this');
    const pushed = Date.now();
    expect(await ofBlob(blob)).to.deep.include({
      holders: 0,
      promisedUntil: pushed + HOUR,
      goes: pushed + 2 * HOUR,
    });
    stoppedClock.pass(HOUR);
    await filled.collect(rules);
    expect(await ofBlob(blob)).to.deep.include({
      state: 'condemned',
      promisedUntil: undefined,
      goes: pushed + 2 * HOUR,
    });
    stoppedClock.pass(HOUR);
    await filled.collect(rules);
    expect(await ofBlob(blob)).to.deep.include({ state: 'absent', goes: undefined });
  });

  it('changes nothing: what is condemned stays so', async () => {
    const blob = await filled.pushBlob(repository, 'nobody needs this');
    stoppedClock.pass(HOUR);
    await filled.collect(rules);
    await ofBlob(blob);
    await explanation().of(repository, blob.digest);
    expect((await ofBlob(blob)).state).to.equal('condemned');
  });

  it('finds a manifest that keeps a blob its repository can no longer read', async () => {
    const image = await filled.pushImage(repository, 'unlinked', { tags: ['v1'] });
    await filled.store.blobs.unlink(repository, image.layer.digest);
    expect(await ofBlob(image.layer)).to.deep.include({ holders: 1, repositories: 0, goes: undefined });
  });

  it('names the tags and indexes that keep a manifest, and its subject', async () => {
    const image = await filled.pushImage(repository, 'image', { tags: ['v1', 'v2'] });
    const index = indexOf([image]);
    await filled.pushManifest(repository, index, { tags: ['all'] });
    const signature = imageOf(await filled.pushBlob(repository, 'signed'), [], {
      subject: descriptor(image, image.mediaType),
    });
    await filled.pushManifest(repository, signature);
    expect((await ofManifest(image)).heldBy).to.have.deep.members([
      { kind: 'tag', tag: 'v1' },
      { kind: 'tag', tag: 'v2' },
      { kind: 'index', digest: index.digest, goes: false },
    ]);
    expect((await ofManifest(signature)).heldBy).to.deep.equal([
      { kind: 'subject', digest: image.digest, goes: false },
    ]);
  });

  it('says when a manifest goes that nothing keeps, as collection then does', async () => {
    const image = await filled.pushImage(repository, 'untagged');
    const pushed = Date.now();
    expect(await ofManifest(image)).to.deep.include({
      state: 'live',
      promisedUntil: pushed + HOUR,
      goes: pushed + 4 * HOUR,
    });
    stoppedClock.pass(HOUR);
    await filled.collect(rules);
    expect(await ofManifest(image)).to.deep.include({ state: 'condemned', goes: pushed + 4 * HOUR });
    stoppedClock.pass(3 * HOUR);
    await filled.collect(rules);
    expect((await ofManifest(image)).state).to.equal('absent');
  });

  it('gives no time for a manifest where untagged ones stay for ever, or go after what lists them', async () => {
    const image = await filled.pushImage(repository, 'child');
    expect(await explanation({ keepUntagged: undefined }).of(repository, image.digest)).to.deep.include({
      holders: 0,
      goes: undefined,
    });
    await filled.pushManifest(repository, indexOf([image]));
    stoppedClock.pass(HOUR);
    await filled.collect(rules);
    const { heldBy, goes } = await ofManifest(image);
    expect(heldBy[0]).to.deep.include({ kind: 'index', goes: true });
    expect(goes).to.equal(undefined);
  });

  it('names tags that can be restored, and says until when what was deleted can be', async () => {
    filled = new FilledStore(undefined, { keepsDeleted: true });
    const withUndo = explanation({ restoreWindow: 2 * HOUR });
    const old = await filled.pushImage(repository, 'old', { tags: ['v1', 'v2'] });
    const image = await filled.pushImage(repository, 'new', { tags: ['v1'] });
    await filled.store.tags.delete(repository, 'v2', undefined);
    expect((await withUndo.of(repository, old.digest)).heldBy).to.have.deep.members([
      { kind: 'former tag', tag: 'v1' },
      { kind: 'deleted tag', tag: 'v2' },
    ]);
    stoppedClock.pass(HOUR);
    await filled.deleteManifest(repository, image);
    const goes = Date.now() + 2 * HOUR;
    expect(await withUndo.of(repository, image.digest)).to.deep.include({ state: 'deleted', goes });
    expect((await withUndo.blob(image.layer.digest)).heldBy).to.deep.equal([
      { kind: 'manifest', repository, digest: image.digest },
    ]);
    stoppedClock.pass(HOUR);
    expect((await withUndo.of(repository, old.digest)).holders).to.equal(0);
  });

  it('takes a digest in a repository for a blob where there is no such manifest', async () => {
    const blob = await filled.pushBlob(repository, 'a blob');
    expect(await ofManifest(blob)).to.deep.include({ kind: 'blob', state: 'live' });
    expect(await ofManifest(contentOf('nothing'))).to.deep.include({ kind: 'manifest', state: 'absent' });
  });
});
