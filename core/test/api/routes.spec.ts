import { expect } from 'chai';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { operationFor } from '../../src/api/routes.ts';
import { matchRoute } from '../../src/http/match-route.ts';

const digest = `sha256:${'0'.repeat(64)}`;

/** What an operation needs: `pull push` of a repository, `*` of the catalog; the methods there are, when it is none. */
function needOf(method: string, path: string): string {
  const route = matchRoute(path);
  try {
    return operationFor(route, method)
      .access(route)
      .map(({ type, name, action }) => `${type}:${name}:${action}`)
      .join(' ');
  } catch (error) {
    if (!isRegistryError(error) || error.status !== 405) throw error;
    return `allow ${error.headers['allow'] ?? ''}`;
  }
}

describe('The operations', () => {
  const pull = 'repository:a/b:pull';
  const push = `${pull} repository:a/b:push`;
  const remove = 'repository:a/b:delete';
  const table: readonly [path: string, needs: Readonly<Record<string, string>>][] = [
    ['/v2/', { GET: '', HEAD: '' }],
    ['/v2/_catalog', { GET: 'registry:catalog:*', HEAD: 'registry:catalog:*' }],
    ['/v2/a/b/tags/list', { GET: pull, HEAD: pull }],
    ['/v2/a/b/manifests/v1', { GET: pull, HEAD: pull, PUT: push, DELETE: remove }],
    [`/v2/a/b/blobs/${digest}`, { GET: pull, HEAD: pull, DELETE: remove }],
    ['/v2/a/b/blobs/uploads/', { POST: push }],
    ['/v2/a/b/blobs/uploads/x', { GET: push, HEAD: push, PATCH: push, PUT: push, DELETE: push }],
    [`/v2/a/b/referrers/${digest}`, { GET: pull, HEAD: pull }],
  ];
  const others = ['POST', 'PATCH', 'OPTIONS', 'TRACE', 'toString', '__proto__', 'constructor', 'get', ''];
  for (const [path, needs] of table) {
    it(`of ${path} need what the table says, and no other method is one`, () => {
      for (const [method, need] of Object.entries(needs)) expect(needOf(method, path)).to.equal(need);
      for (const method of others.filter((each) => !Object.hasOwn(needs, each))) {
        expect(needOf(method, path), method).to.equal(`allow ${Object.keys(needs).join(', ')}`);
      }
    });
  }
});
