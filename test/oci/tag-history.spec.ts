import { expect } from 'chai';
import { expectError, jsonOf, type Json } from './answers.ts';
import { bareManifest } from './content.ts';
import { expectStatus, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

onEachStorage('The record of a tag', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  before(async () => {
    registry = await serve(
      {},
      plugin('auth-anyone', (hooks, name) =>
        hooks.authenticate.tap(name, ({ basic }) =>
          basic ? { subject: basic.username } : { subject: 'robot' },
        ),
      ),
    );
  });
  beforeEach(() => {
    repository = registry.newRepository();
  });

  /** What the storage holds of the tag: docs/storage-layout.md. */
  async function historyOf(tag: string): Promise<Json[]> {
    const object = await registry.driver.read(`repos/${repository.replaceAll('/', '~')}/tags/${tag}`);
    const [, past = ''] = Buffer.from(object?.bytes ?? [])
      .toString()
      .split('\n');
    const { history } = jsonOf({ body: Buffer.from(past) });
    if (!Array.isArray(history)) throw new Error('the tag has no history');
    return history.map((change: unknown) => jsonOf({ body: Buffer.from(JSON.stringify(change)) }));
  }
  const digestsOf = async (tag: string): Promise<unknown[]> =>
    (await historyOf(tag)).map(({ digest }) => digest);

  it('keeps what it pointed at, since when and by whom, the newest first', async () => {
    const before = Date.now();
    const manifests = ['first', 'second', 'third'].map((name) => bareManifest(name));
    for (const [index, manifest] of manifests.entries()) {
      const authorization = `Basic ${Buffer.from(`user-${index}:x`).toString('base64')}`;
      expectStatus(await putManifest(registry, repository, 'v1', manifest, { authorization }), 201);
    }
    const history = await historyOf('v1');
    expect(history.map(({ digest, actor }) => [digest, actor])).to.deep.equal([
      [manifests[2]?.digest, 'user-2'],
      [manifests[1]?.digest, 'user-1'],
      [manifests[0]?.digest, 'user-0'],
    ]);
    const times = history.map(({ at }) => Number(at));
    expect(times).to.deep.equal([...times].sort((one, other) => other - one));
    for (const time of times) expect(time).to.be.within(before, Date.now());
  });

  it('does not grow when the tag is set to what it is', async () => {
    for (let time = 0; time < 3; time += 1) await pushManifest(registry, repository, bareManifest('x'), 'v1');
    expect(await digestsOf('v1')).to.deep.equal([bareManifest('x').digest]);
  });

  it('keeps a digest as often as the tag came back to it', async () => {
    for (const name of ['a', 'b', 'a']) await pushManifest(registry, repository, bareManifest(name), 'v1');
    expect(await digestsOf('v1')).to.deep.equal(['a', 'b', 'a'].map((name) => bareManifest(name).digest));
  });

  it('keeps the last hundred', async () => {
    const names = Array.from({ length: 105 }, (_, index) => `move ${index}`);
    for (const name of names) await pushManifest(registry, repository, bareManifest(name), 'v1');
    const latest = names.slice(-100).reverse();
    expect(await digestsOf('v1')).to.deep.equal(latest.map((name) => bareManifest(name).digest));
  });

  it('has every move of clients that race, each once', async () => {
    const names = Array.from({ length: 15 }, (_, index) => `racer ${index}`);
    await Promise.all(names.map((name) => pushManifest(registry, repository, bareManifest(name), 'v1')));
    expect(await digestsOf('v1')).to.have.members(names.map((name) => bareManifest(name).digest));
  });

  it('is of one tag alone', async () => {
    await pushManifest(registry, repository, bareManifest('one'), 'v1');
    await pushManifest(registry, repository, bareManifest('two'), 'v2');
    expect(await digestsOf('v1')).to.deep.equal([bareManifest('one').digest]);
    expect(await digestsOf('v2')).to.deep.equal([bareManifest('two').digest]);
  });

  it('does not grow when a conditional push is refused', async () => {
    await pushManifest(registry, repository, bareManifest('kept'), 'v1');
    const refused = await putManifest(registry, repository, 'v1', bareManifest('lost'), {
      'if-none-match': '*',
    });
    expectError(refused, 412, 'DENIED');
    expect(await digestsOf('v1')).to.deep.equal([bareManifest('kept').digest]);
  });
});
