import { expect } from 'chai';
import fc from 'fast-check';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { isRepositoryName, isTag, matchRoute, type Route } from '../../src/http/match-route.ts';
import { anyText } from '../../../plugin-sdk/test/any-text.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
/** Words that are parts of paths, and of names as well. */
const words = ['blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers', 'v2', 'constructor'];

const piece = fc.oneof(fc.stringMatching(/^[a-z0-9]{1,8}$/), fc.constantFrom(...words));
const component = fc
  .tuple(piece, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), piece), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.flat().join(''));
const name = fc
  .array(component, { minLength: 1, maxLength: 6 })
  .map((components) => components.join('/'))
  .filter((text) => text.length <= 255);
const tag = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,40}$/), fc.constantFrom(...words));
const anyDigest = fc.oneof(
  fc.stringMatching(/^[a-f0-9]{64}$/).map((hex) => `sha256:${hex}`),
  fc.stringMatching(/^[a-f0-9]{128}$/).map((hex) => `sha512:${hex}`),
);
const id = fc.oneof(fc.uuid(), fc.constantFrom(...words));

/** Any endpoint of any repository: its path and what is to be read from it. */
const endpoint: fc.Arbitrary<readonly [path: string, route: Route]> = fc
  .record({ repository: name, tag, digest: anyDigest, id, slashes: fc.constantFrom('', '/', '//') })
  .chain(({ repository, tag: reference, digest: content, id: upload, slashes }) => {
    const root = `/v2/${repository}`;
    return fc.constantFrom<readonly [string, Route]>(
      ['/v2/', { endpoint: 'base' }],
      ['/v2', { endpoint: 'base' }],
      ['/v2/_catalog', { endpoint: 'catalog' }],
      [`${root}/tags/list`, { endpoint: 'tags', repository }],
      [`${root}/manifests/${reference}`, { endpoint: 'manifest', repository, reference }],
      [`${root}/manifests/${content}`, { endpoint: 'manifest', repository, reference: content }],
      [`${root}/blobs/${content}`, { endpoint: 'blob', repository, digest: content }],
      [`${root}/blobs/uploads${slashes}`, { endpoint: 'uploads', repository }],
      [`${root}/blobs/uploads/${upload}${slashes}`, { endpoint: 'upload', repository, id: upload }],
      [`${root}/referrers/${content}`, { endpoint: 'referrers', repository, digest: content }],
    );
  });

/** The route, or the error that says why there is none. Anything else that is thrown goes on. */
function matched(path: string): Route | { readonly status: number; readonly code: string } {
  try {
    return matchRoute(path);
  } catch (error) {
    if (!isRegistryError(error)) throw error;
    return { status: error.status, code: error.code };
  }
}

describe('matchRoute', () => {
  it('reads every endpoint of every repository, whatever words are in the names', () => {
    fc.assert(
      fc.property(endpoint, ([path, route]) => {
        expect(matchRoute(path)).to.deep.equal(route);
      }),
      { numRuns: 500 },
    );
  });

  it('reads the same from a path any of whose characters are escaped', () => {
    fc.assert(
      fc.property(endpoint, fc.infiniteStream(fc.boolean()), ([path, route], choices) => {
        const escaped = path
          .split('')
          .map((character) =>
            choices.next().value === true
              ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
              : character,
          );
        expect(matchRoute(escaped.join(''))).to.deep.equal(route);
      }),
      { numRuns: 200 },
    );
  });

  it('says of anything else that it is unknown or wrong, and never fails', () => {
    const token = fc.oneof(
      fc.constantFrom(
        ...words,
        '',
        '.',
        '..',
        '%',
        '%2f',
        '%2e%2e',
        '%00',
        '_catalog',
        digest,
        'A',
        '~',
        '\\',
      ),
      anyText(10),
    );
    const garbage = fc.oneof(
      anyText(),
      fc.array(token, { maxLength: 8 }).map((tokens) => `/v2/${tokens.join('/')}`),
    );
    fc.assert(
      fc.property(garbage, (path) => {
        const found = matched(path);
        if ('endpoint' in found) {
          if ('repository' in found) expect(isRepositoryName(found.repository)).to.equal(true);
          return;
        }
        expect(found.status).to.be.oneOf([400, 404]);
        expect(found.code).to.be.oneOf(['NAME_INVALID', 'DIGEST_INVALID', 'UNSUPPORTED']);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a time that grows with the length of the path alone', () => {
    // A pattern that backtracks would not come back from these.
    for (const part of ['a-', 'a.', 'a__', 'a/', '-', '__']) {
      expect(matched(`/v2/${part.repeat(100_000)}!/tags/list`)).to.include({ code: 'NAME_INVALID' });
      expect(isRepositoryName(`${part.repeat(120)}!`)).to.equal(false);
    }
  });

  it('reads a repository from the right: words of paths are names like any other', () => {
    const cases: readonly [path: string, repository: string][] = [
      ['/v2/x/blobs/tags/list', 'x/blobs'],
      ['/v2/x/tags/list/tags/list', 'x/tags/list'],
      ['/v2/x/manifests/y/manifests/v1', 'x/manifests/y'],
      ['/v2/blobs/uploads/blobs/uploads/', 'blobs/uploads'],
      ['/v2/blobs/uploads/manifests/uploads', 'blobs/uploads'],
      ['/v2/tags/manifests/list', 'tags'],
    ];
    for (const [path, repository] of cases) expect(matchRoute(path)).to.include({ repository });
  });

  it('tolerates slashes at the end of uploads and the catalog, and nowhere else', () => {
    for (const path of ['/v2/a/blobs/uploads///', '/v2/a/blobs/uploads/x//', '/v2/_catalog/']) {
      expect(matched(path)).to.have.property('endpoint');
    }
    for (const path of [
      '/v2/a/tags/list/',
      '/v2/a/manifests/v1/',
      `/v2/a/blobs/${digest}/`,
      '/v2//',
      '/v2/a/',
    ]) {
      expect(matched(path)).to.deep.equal({ status: 404, code: 'UNSUPPORTED' });
    }
  });
});

describe('A tag', () => {
  it('has 128 characters at most, and none that storage could not hold', () => {
    for (const text of ['a', '_', 'A.b-c_d', '0', 'x'.repeat(128), '__proto__'])
      expect(isTag(text), text).to.equal(true);
    for (const text of ['', '.', '-', '..', '.a', 'a/b', 'a b', 'é', 'x'.repeat(129), 'a\n', 'a:b', 'a~']) {
      expect(isTag(text), text).to.equal(false);
    }
  });
});
