import { expect } from 'chai';
import { expectError, jsonOf, namesOf, nextPageOf } from './answers.ts';
import { bareManifest } from './content.ts';
import type { Answer } from './http-client.ts';
import { expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

/** In byte order. */
// prettier-ignore
const tags = [
  '0', '00', '1', '1.0', '1.10', '1.2', '10', '2', 'A', 'B', 'Z', '_', '__proto__', 'a', 'a-b', 'a.b', 'a_b', 'aa', 'ab',
  'b', 'constructor', 'latest', 'v1', 'v1-alpine', 'v1.0', 'z',
];

onEachStorage('The list of tags', (serve) => {
  let registry: ServedRegistry;
  const repository = 'library/tagged';
  before(async () => {
    registry = await serve();
    const manifest = bareManifest('tagged');
    const query = tags.map((tag) => `tag=${tag}`).join('&');
    expectStatus(await putManifest(registry, repository, `${manifest.digest}?${query}`, manifest), 201);
  });

  const list = (query = '', of = repository): Promise<Answer> => registry.get(`/v2/${of}/tags/list${query}`);

  /** Follows the links from page to page. Gives the tags of each. */
  async function walk(query: string): Promise<string[][]> {
    const pages: string[][] = [];
    let path: string | undefined = `/v2/${repository}/tags/list${query}`;
    while (path !== undefined) {
      const page: Answer = expectStatus(await registry.get(path), 200);
      pages.push(namesOf(page, 'tags'));
      path = nextPageOf(page);
    }
    return pages;
  }

  it('has all of them in byte order, with the name, and no link', async () => {
    const answer = expectStatus(await list(), 200);
    expect(jsonOf(answer)).to.deep.equal({ name: repository, tags });
    expect(answer.headers).to.deep.include({
      'content-type': 'application/json',
      'cache-control': 'no-cache',
    });
    expect(answer.headers).to.not.have.property('link');
  });

  it('keeps tags apart that differ in case alone, and those that objects have of themselves', async () => {
    const own = registry.newRepository();
    const names = ['Latest', '__proto__', 'constructor', 'hasOwnProperty', 'latest', 'toString'];
    for (const name of names) await pushManifest(registry, own, bareManifest(name), name);
    expect(namesOf(await list('', own), 'tags')).to.deep.equal(names);
    for (const name of names) {
      const answer = await registry.get(`/v2/${own}/manifests/${name}`);
      expect(answer.headers['docker-content-digest']).to.equal(bareManifest(name).digest);
    }
  });

  for (const n of [1, 2, 3, 7, 25, 26, 27]) {
    it(`in pages of ${n} loses none and repeats none`, async () => {
      const pages = await walk(`?n=${n}`);
      expect(pages.flat()).to.deep.equal(tags);
      for (const page of pages.slice(0, -1)) expect(page).to.have.lengthOf(n);
      expect(pages.at(-1)).to.not.be.empty;
    });
  }

  it('links to the next page with a path that says where to go on, and only when there is one', async () => {
    const answer = await list('?n=2');
    expect(answer.headers.link).to.equal(`</v2/${repository}/tags/list?n=2&last=00>; rel="next"`);
    expect((await list(`?n=${tags.length}`)).headers).to.not.have.property('link');
    expect((await list(`?n=${tags.length - 1}`)).headers).to.have.property('link');
  });

  it('begins after the tag it is told, whether there is such a tag or not', async () => {
    for (const last of [
      ...tags,
      '/',
      '!',
      'a!',
      '~',
      'aaa',
      'zz',
      'é',
      '%00',
      '..',
      '../../x',
      '%F0%9F%98%80',
    ]) {
      const after = tags.filter((tag) => tag > decodeURIComponent(last));
      const answer = expectStatus(await list(`?last=${encodeURI(last).replaceAll('%25', '%')}`), 200);
      expect(namesOf(answer, 'tags'), last).to.deep.equal(after);
    }
    expect(namesOf(await list('?n=2&last=a'), 'tags')).to.deep.equal(['a-b', 'a.b']);
    expect(namesOf(await list('?last='), 'tags')).to.deep.equal(tags);
  });

  it('is empty for n=0, without a link', async () => {
    for (const query of ['?n=0', '?n=00', '?n=0&last=a']) {
      const answer = expectStatus(await list(query), 200);
      expect(namesOf(answer, 'tags')).to.deep.equal([]);
      expect(answer.headers).to.not.have.property('link');
    }
  });

  it('is not longer than the registry allows, and says that there is more', async () => {
    const short = await serve({ lists: { maxPageSize: 2 } });
    for (const tag of ['a', 'b', 'c']) await pushManifest(short, 'app', bareManifest(tag), tag);
    for (const query of ['', '?n=3', '?n=1000000', `?n=${'9'.repeat(15)}`, `?n=${'9'.repeat(400)}`]) {
      const answer = expectStatus(await short.get(`/v2/app/tags/list${query}`), 200);
      expect(namesOf(answer, 'tags')).to.deep.equal(['a', 'b']);
      const next = await short.get(nextPageOf(answer) ?? '');
      expect(namesOf(next, 'tags')).to.deep.equal(['c']);
      expect(nextPageOf(next)).to.equal(undefined);
    }
  });

  it('is refused for an n that is no count', async () => {
    for (const n of ['-1', '-0', '', 'ten', '1.5', '1e3', '0x10', '%201', '+1', 'NaN', 'Infinity', '٣']) {
      expectError(await list(`?n=${encodeURI(n).replaceAll('%25', '%')}`), 400, 'UNSUPPORTED');
    }
  });

  it('is refused for parameters that are given twice, and takes no notice of bracketed ones', async () => {
    for (const query of ['?n=1&n=2', '?n=1&n=1', '?last=a&last=b']) {
      expectError(await list(query), 400, 'UNSUPPORTED');
    }
    for (const query of [
      '?n[]=1',
      '?n[a]=1',
      '?last[]=a',
      '?__proto__[n]=1',
      '?unknown=1&unknown=2',
      '?&&=&',
    ]) {
      expect(namesOf(await list(query), 'tags')).to.deep.equal(tags);
    }
  });

  it('shows a tag at once when it is set, and no more when it is deleted', async () => {
    const own = registry.newRepository();
    const manifest = await pushManifest(registry, own, bareManifest('once'), 'a');
    await pushManifest(registry, own, manifest, 'b');
    expect(namesOf(await list('', own), 'tags')).to.deep.equal(['a', 'b']);
    expectStatus(await registry.delete(`/v2/${own}/manifests/a`), 202);
    expect(namesOf(await list('', own), 'tags')).to.deep.equal(['b']);
    expectStatus(await registry.delete(`/v2/${own}/manifests/${manifest.digest}`), 202);
    expect(jsonOf(await list('', own))).to.deep.equal({ name: own, tags: [] });
  });

  it('is empty for a repository that has manifests and no tags', async () => {
    const own = registry.newRepository();
    await pushManifest(registry, own, bareManifest('untagged'));
    expect(jsonOf(expectStatus(await list('', own), 200))).to.deep.equal({ name: own, tags: [] });
  });

  it('of a repository that does not exist is a 404, blobs alone do not make one', async () => {
    const own = registry.newRepository();
    expect(expectError(await list('', own), 404, 'NAME_UNKNOWN')).to.deep.equal([{ name: own }]);
    await pushBlob(registry, own, 'a blob');
    expectError(await list('', own), 404, 'NAME_UNKNOWN');
  });

  it('has none of the tags of repositories whose name begins alike', async () => {
    const own = registry.newRepository();
    for (const name of [own, `${own}-x`, `${own}/x`, `${own}/tags`]) {
      await pushManifest(registry, name, bareManifest(name), name.replaceAll('/', '_'));
    }
    expect(namesOf(await list('', own), 'tags')).to.deep.equal([own.replaceAll('/', '_')]);
  });

  it('has every tag that clients set at once', async () => {
    const own = registry.newRepository();
    const names = Array.from({ length: 40 }, (_, index) => `tag-${String(index).padStart(2, '0')}`);
    await Promise.all(names.map((name) => pushManifest(registry, own, bareManifest(name), name)));
    expect(namesOf(await list('', own), 'tags')).to.deep.equal(names);
  });
});
