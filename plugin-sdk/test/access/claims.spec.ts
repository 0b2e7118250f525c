import { expect } from 'chai';
import { claimOf } from '@entrepot/plugin-sdk/access';

describe('A claim', () => {
  const claims = {
    sub: 'ci',
    'a/b': 'whole',
    'https://example.com/groups': ['dev'],
    'kubernetes.io': { namespace: 'build', 'pod/name': 'x', 'til~de': 'y', list: ['zero'] },
  };

  it('is found by its name, whatever characters that has', () => {
    expect(claimOf(claims, 'sub')).to.equal('ci');
    expect(claimOf(claims, 'a/b')).to.equal('whole');
    expect(claimOf(claims, 'https://example.com/groups')).to.deep.equal(['dev']);
  });

  it('within another is found by a pointer', () => {
    expect(claimOf(claims, '/kubernetes.io/namespace')).to.equal('build');
    expect(claimOf(claims, '/kubernetes.io/pod~1name')).to.equal('x');
    expect(claimOf(claims, '/kubernetes.io/til~0de')).to.equal('y');
    expect(claimOf(claims, '/sub')).to.equal('ci');
  });

  it('is not there when it is inherited, in a list, in a text, or in nothing', () => {
    for (const name of [
      'constructor',
      '__proto__',
      '/kubernetes.io/list/0',
      '/sub/length',
      '/absent/x',
      '/',
      '',
    ])
      expect(claimOf(claims, name), name).to.equal(undefined);
    for (const nothing of [undefined, null, 'text', 7]) expect(claimOf(nothing, 'sub')).to.equal(undefined);
  });
});
