import { expect } from 'chai';
import { cover, parseScopes } from '../src/scope.ts';

describe('Scopes', () => {
  it('are repeated or have spaces between them', () => {
    expect(parseScopes(['repository:a/b:pull,push repository:c:pull', 'registry:catalog:*'])).to.deep.equal([
      { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
      { type: 'repository', name: 'c', actions: ['pull'] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ]);
  });

  it('have a class that is not looked at', () => {
    expect(parseScopes(['repository(plugin):a:pull'])).to.deep.equal([
      { type: 'repository', name: 'a', actions: ['pull'] },
    ]);
  });

  it('are left out when they are none, and so are actions that are not known', () => {
    expect(parseScopes(['', ' ', 'a', 'a:b', ':a:pull', 'Repository:a:pull', 'user:a:pull'])).to.deep.equal(
      [],
    );
    expect(parseScopes(['repository:a:PULL,fly,,push,push'])).to.deep.equal([
      { type: 'repository', name: 'a', actions: ['push'] },
    ]);
  });

  it('are refused when they are many', () => {
    expect(() => parseScopes(['repository:a:pull '.repeat(101)])).to.throw('more than 100');
  });

  it('cover what they name letter by letter', () => {
    const pull = { type: 'repository', name: 'a', action: 'pull' } as const;
    const covers = (scope: string): boolean => cover(parseScopes([scope]), [pull]);
    expect(covers('repository:a:pull')).to.equal(true);
    expect(covers('repository:a:*')).to.equal(true);
    for (const other of [
      'repository:a:push',
      'repository:A:pull',
      'repository:*:pull',
      'repository:a/b:pull',
    ])
      expect(covers(other), other).to.equal(false);
    expect(cover([], [])).to.equal(true);
  });
});
