import { expect } from 'chai';
import { expectError, jsonOf, namesOf, nextPageOf } from './answers.ts';
import { bareManifest } from './content.ts';
import type { Answer } from './http-client.ts';
import { beginUpload, expectStatus, pushBlob, pushManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

/** In the order in which they are listed: by bytes, but `/` comes after letters and digits. */
// prettier-ignore
const repositories = [
  'a', 'a-b', 'a.b', 'a0', 'a_b', 'ab', 'a/b', 'a/b/c', 'b', 'library/app', 'x', 'x/blobs', 'x/tags/list', 'zz',
];

onEachStorage('The catalog', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve();
    for (const name of repositories) await pushManifest(registry, name, bareManifest(name), 'v1');
  });

  const list = (query = ''): Promise<Answer> => registry.get(`/v2/_catalog${query}`);

  it('has every repository, and no link', async () => {
    const answer = expectStatus(await list(), 200);
    expect(jsonOf(answer)).to.deep.equal({ repositories });
    expect(answer.headers).to.deep.include({
      'content-type': 'application/json',
      'cache-control': 'no-cache',
    });
    expect(answer.headers).to.not.have.property('link');
  });

  it('is the same with a slash behind it', async () => {
    expect(namesOf(await registry.get('/v2/_catalog/'), 'repositories')).to.deep.equal(repositories);
  });

  for (const n of [1, 3, 13, 14, 15]) {
    it(`in pages of ${n} loses none and repeats none`, async () => {
      const found: string[] = [];
      let path: string | undefined = `/v2/_catalog?n=${n}`;
      while (path !== undefined) {
        const page: Answer = expectStatus(await registry.get(path), 200);
        const names = namesOf(page, 'repositories');
        expect(names.length).to.be.within(1, n);
        found.push(...names);
        path = nextPageOf(page);
      }
      expect(found).to.deep.equal(repositories);
    });
  }

  it('begins after the repository it is told, whether there is such a one or not', async () => {
    expect(namesOf(await list('?n=2&last=a/b'), 'repositories')).to.deep.equal(['a/b/c', 'b']);
    expect(namesOf(await list('?n=1&last=library/aaa'), 'repositories')).to.deep.equal(['library/app']);
    expect(namesOf(await list('?last=zzz'), 'repositories')).to.deep.equal([]);
    expect(namesOf(await list('?last=..%2f..%2fetc'), 'repositories')).to.deep.equal(repositories);
  });

  it('is empty for n=0, without a link', async () => {
    const answer = expectStatus(await list('?n=0'), 200);
    expect(jsonOf(answer)).to.deep.equal({ repositories: [] });
    expect(answer.headers).to.not.have.property('link');
  });

  it('is not longer than the registry allows, however much is asked for', async () => {
    const short = await serve({ lists: { maxPageSize: 2 } });
    for (const name of ['a', 'b', 'c']) await pushManifest(short, name, bareManifest(name), 'v1');
    for (const query of ['', '?n=100', `?n=${'9'.repeat(30)}`]) {
      const answer = expectStatus(await short.get(`/v2/_catalog${query}`), 200);
      expect(namesOf(answer, 'repositories')).to.deep.equal(['a', 'b']);
      expect(answer.headers.link).to.equal('</v2/_catalog?n=2&last=b>; rel="next"');
    }
  });

  it('is refused for an n that is no count, and for parameters that are given twice', async () => {
    for (const query of ['?n=-1', '?n=ten', '?n=', '?n=1&n=2', '?last=a&last=b']) {
      expectError(await list(query), 400, 'UNSUPPORTED');
    }
  });

  it('has no repository before its first manifest', async () => {
    const fresh = await serve();
    expect(jsonOf(await fresh.get('/v2/_catalog'))).to.deep.equal({ repositories: [] });
    await pushBlob(fresh, 'app', 'a blob');
    await beginUpload(fresh, 'app');
    expect(jsonOf(await fresh.get('/v2/_catalog'))).to.deep.equal({ repositories: [] });
    await pushManifest(fresh, 'app', bareManifest('app'));
    expect(jsonOf(await fresh.get('/v2/_catalog'))).to.deep.equal({ repositories: ['app'] });
  });

  it('is what podman search comes to, which asks for what is not there first', async () => {
    expectError(await registry.get('/v1/search?q=app&n=25'), 404, 'UNSUPPORTED');
    expectError(await registry.get('/v1/_ping'), 404, 'UNSUPPORTED');
    expectStatus(await list(), 200);
  });

  it('is for those who may see it', async () => {
    const seen: unknown[] = [];
    const guarded = await serve(
      {},
      plugin('auth-none', (hooks, name) =>
        hooks.authorize.tap(name, ({ access }) => {
          seen.push(access);
          return false;
        }),
      ),
    );
    expectError(await guarded.get('/v2/_catalog'), 401, 'UNAUTHORIZED');
    expect(seen).to.deep.equal([[{ type: 'registry', name: 'catalog', action: '*' }]]);
  });
});
