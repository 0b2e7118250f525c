import { expect } from 'chai';
import type { Access, Scope } from '@entrepot/plugin-sdk';
import { ScopeSet } from '../../src/auth/scope-set.ts';

const to = (name: string, action: Access['action']): Access => ({ type: 'repository', name, action });
const catalog: Access = { type: 'registry', name: 'catalog', action: '*' };

describe('The scopes of credentials', () => {
  const covers = (scopes: readonly Scope[], access: Access): boolean =>
    new ScopeSet(scopes, { subject: 'alice' }).covers(access);

  it('cover what one of them has both name and action of', () => {
    const scopes: Scope[] = [
      { repositories: ['team/**', 'base'], actions: ['pull'] },
      { repositories: ['team/app'], actions: ['push'] },
    ];
    for (const access of [
      to('team/app', 'pull'),
      to('team/a/b', 'pull'),
      to('base', 'pull'),
      to('team/app', 'push'),
    ])
      expect(covers(scopes, access)).to.equal(true);
    for (const access of [
      to('team/other', 'push'),
      to('team', 'pull'),
      to('teams/app', 'pull'),
      to('base/x', 'pull'),
      to('team/app', 'delete'),
      to('team/app', '*'),
      catalog,
    ])
      expect(covers(scopes, access), `${access.name} ${access.action}`).to.equal(false);
  });

  it('cover every action with * alone', () => {
    const all: Scope[] = [{ repositories: ['**'], actions: ['*'] }];
    for (const access of [to('a/b', 'pull'), to('a/b', 'delete'), to('a', '*'), catalog])
      expect(covers(all, access)).to.equal(true);
    const each: Scope[] = [{ repositories: ['**'], actions: ['pull', 'push', 'delete', 'catalog'] }];
    expect(covers(each, to('a', '*'))).to.equal(false);
    expect(covers(each, catalog)).to.equal(true);
  });

  it('cover nothing when there are none', () => {
    expect(covers([], to('a', 'pull'))).to.equal(false);
    expect(covers([{ repositories: [], actions: ['*'] }], to('a', 'pull'))).to.equal(false);
  });
});
