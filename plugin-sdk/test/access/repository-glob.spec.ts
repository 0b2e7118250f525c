import { expect } from 'chai';
import fc from 'fast-check';
import { matchesText, RepositoryGlob } from '@entrepot/plugin-sdk/access';

const matches = (pattern: string, repository: string, user?: string): boolean =>
  new RepositoryGlob(pattern).matches(repository, user);

describe('A pattern of repositories', () => {
  const table: readonly [pattern: string, yes: readonly string[], no: readonly string[]][] = [
    ['team/app', ['team/app'], ['team/app2', 'team', 'team/app/x', 'xteam/app']],
    ['team/*', ['team/app', 'team/a-b'], ['team', 'team/app/x', 'teams/app']],
    ['team/**', ['team/app', 'team/app/x/y'], ['team', 'teams/app', 'other/team/app']],
    ['**', ['a', 'a/b', 'a/b/c'], []],
    ['*', ['a', 'app'], ['a/b']],
    ['**/app', ['team/app', 'a/b/app'], ['app', 'team/app2', 'app/x']],
    ['a/**/z', ['a/b/z', 'a/b/c/z', 'a/z/z'], ['a/z', 'a/b/c']],
    ['team-*/app-*-x', ['team-a/app-1-x', 'team-/app--x'], ['team/app-1-x', 'team-a/app-1-y']],
    ['a.b', ['a.b'], ['aab', 'a-b']],
  ];
  for (const [pattern, yes, no] of table) {
    it(`${pattern} matches ${yes.join(', ')}${no.length > 0 ? `, and not ${no.join(', ')}` : ''}`, () => {
      for (const name of yes) expect(matches(pattern, name), name).to.equal(true);
      for (const name of no) expect(matches(pattern, name), name).to.equal(false);
    });
  }

  it('puts in who asks, whose name is never a pattern and never reaches over a slash', () => {
    const pattern = 'home/${user}/**';
    expect(matches(pattern, 'home/alice/app', 'alice')).to.equal(true);
    expect(matches(pattern, 'home/bob/app', 'alice')).to.equal(false);
    expect(matches(pattern, 'home/alice/app', undefined)).to.equal(false);
    for (const user of ['*', '**', 'alice/app', '..', '', 'Alice', 'a b', '${user}']) {
      expect(matches(pattern, 'home/alice/app/x', user), user).to.equal(false);
    }
    expect(matches('x-${user}-*', 'x-bob-1', 'bob')).to.equal(true);
  });

  it('says the same as a regular expression would', () => {
    const component = fc.stringMatching(/^[ab*]{1,4}$/).filter((text) => text !== '**');
    const pattern = fc.array(fc.oneof(component, fc.constant('**')), { minLength: 1, maxLength: 4 });
    const name = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pattern, name, (components, parts) => {
        const source = components.map((each) =>
          each === '**' ? '[^/]+(?:/[^/]+)*' : each.replaceAll(/\*+/g, '[^/]*'),
        );
        const expected = new RegExp(`^${source.join('/')}$`).test(parts.join('/'));
        expect(matches(components.join('/'), parts.join('/'))).to.equal(expected);
      }),
    );
  });

  it('answers soon for what makes others search for ages', () => {
    expect(matches(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).to.equal(false);
    expect(matches(`${'**/a/'.repeat(40)}b`, Array<string>(120).fill('a').join('/'))).to.equal(false);
    expect(matchesText(`${'*a'.repeat(1000)}b`, 'a'.repeat(2000))).to.equal(false);
  });
});
