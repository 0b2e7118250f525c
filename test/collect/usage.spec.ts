import { expect } from 'chai';
import type { RepositoryUsage } from '../../core/src/store/explain/repository-count.ts';
import { Usage, type TotalUsage } from '../../core/src/store/explain/usage.ts';
import { parseStored } from './collecting.ts';
import { FilledStore } from './filled-store.ts';

describe('What repositories take', () => {
  let filled: FilledStore;
  beforeEach(() => {
    filled = new FilledStore();
  });

  const usage = (): Usage => new Usage(filled.driver, parseStored);
  async function all(): Promise<{ repositories: readonly RepositoryUsage[]; total: TotalUsage }> {
    const repositories: RepositoryUsage[] = [];
    const counting = usage().all();
    for (;;) {
      const next = await counting.next();
      if (next.done === true) return { repositories, total: next.value };
      repositories.push(next.value);
    }
  }
  /** Bytes of the manifests of a repository, as they are stored. */
  async function manifestsOf(repository: string): Promise<number> {
    let bytes = 0;
    for (const key of await filled.keys(`repos/${repository.replaceAll('/', '~')}/manifests/`))
      bytes += (await filled.driver.size(key)) ?? 0;
    return bytes;
  }

  it('is what they see, what others see as well, and what no manifest of theirs needs', async () => {
    const image = await filled.pushImage('team/app', 'image', { tags: ['v1'] });
    const { layer, config } = image;
    await filled.store.blobs.mount('team/app', 'other', layer.digest);
    await filled.pushBlob('team/app', 'x'.repeat(1000));
    const [app, other] = [await manifestsOf('team/app'), await manifestsOf('other')];
    expect([app > 0, other]).to.deep.equal([true, 0]);
    const expected = [
      {
        repository: 'other',
        logical: layer.bytes.length,
        shared: layer.bytes.length,
        unique: 0,
        reclaimable: layer.bytes.length,
      },
      {
        repository: 'team/app',
        logical: layer.bytes.length + config.bytes.length + 1000 + app,
        shared: layer.bytes.length,
        unique: config.bytes.length + 1000 + app,
        reclaimable: 1000,
      },
    ];
    const { repositories, total } = await all();
    expect(repositories).to.deep.equal(expected);
    for (const each of expected) expect(await usage().of(each.repository)).to.deep.equal(each);
    const stored = layer.bytes.length + config.bytes.length + 1000 + app;
    expect(total).to.deep.equal({
      repositories: 2,
      logical: stored + layer.bytes.length,
      stored,
      reclaimable: 1000,
    });
  });

  it('counts a blob once in each repository, however many of its manifests refer to it', async () => {
    const { layer, config } = await filled.pushImage('team/app', 'image');
    await filled.pushImage('team/app', 'image', { more: { annotations: { another: 'manifest' } } });
    const { logical } = await usage().of('team/app');
    expect(logical).to.equal(layer.bytes.length + config.bytes.length + (await manifestsOf('team/app')));
  });

  it('does not call reclaimable what a manifest keeps, though its repository cannot read it', async () => {
    const { layer, config } = await filled.pushImage('team/app', 'image');
    await filled.store.blobs.unlink('team/app', layer.digest);
    const { total } = await all();
    expect(total.reclaimable).to.equal(0);
    expect(total.logical).to.equal(config.bytes.length + (await manifestsOf('team/app')));
  });

  it('is nothing in a registry, or a repository, that has nothing', async () => {
    expect(await all()).to.deep.equal({
      repositories: [],
      total: { repositories: 0, logical: 0, stored: 0, reclaimable: 0 },
    });
    expect(await usage().of('nowhere')).to.deep.include({ logical: 0, reclaimable: 0 });
  });

  it('of many repositories, over many pages of keys, is that of each', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `team/${String(index).padStart(2, '0')}`);
    const blobs = await Promise.all(
      Array.from({ length: 30 }, (_, index) => filled.pushBlob('base', `shared ${index}`)),
    );
    for (const name of names) {
      for (const { digest } of blobs) await filled.store.blobs.mount('base', name, digest);
      await filled.pushImage(name, `image of ${name}`);
    }
    const { repositories } = await all();
    expect(repositories.map(({ repository }) => repository)).to.deep.equal(['base', ...names]);
    const shared = blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const each of repositories) expect(each.shared).to.equal(shared);
    expect(repositories[17]).to.deep.equal(await usage().of(repositories[17]?.repository ?? ''));
  });
});
