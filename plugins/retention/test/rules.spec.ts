import type { JudgedTag } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import type { KeepOptions } from '../src/keep-rule.ts';
import { Rules, type KnownPulls } from '../src/rules.ts';

const DAY = 86_400;
const now = Date.UTC(2026, 10, 25);
const ago = (days: number): number => now - days * DAY * 1000;

/** A tag that was pushed so many days ago. */
const pushed = (tag: string, days: number): JudgedTag => ({
  tag,
  digest: `sha256:${tag}`,
  pushed: ago(days),
});

/** Days since the pulls of tags, of which all are known unless it is said since when. */
function pulls(known: Readonly<Record<string, number>> = {}, unknownUntil = 0): KnownPulls {
  const times = new Map(Object.entries(known).map(([name, days]) => [name, ago(days)]));
  return { unknownUntil, of: (tag, digest) => times.get(tag) ?? times.get(digest) };
}

/** The tags that one of the rules keeps. */
function kept(keep: readonly KeepOptions[], tags: readonly JudgedTag[], known = pulls()): string[] {
  const rules = new Rules([{ repositories: ['**'], keep }]);
  const verdicts = rules.judge('team/app', tags, known, now);
  return verdicts.flatMap(({ tag, keeps }) => (keeps ? [tag] : [])).toSorted();
}

describe('A keep rule', () => {
  const aged = [pushed('a', 1), pushed('b', 2), pushed('c', 3), pushed('d', 4)];

  it('keeps the last pushed, and of equals all', () => {
    expect(kept([{ lastPushed: 2 }], aged)).to.deep.equal(['a', 'b']);
    expect(kept([{ lastPushed: 9 }], aged)).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(kept([{ lastPushed: 2 }], [...aged, pushed('e', 2)])).to.deep.equal(['a', 'b', 'e']);
  });

  it('keeps the last pulled, and takes one that has not been pulled since its push for pulled then', () => {
    const known = pulls({ d: 0.5, c: 1.5, 'sha256:b': 0.1 });
    expect(kept([{ lastPulled: 1 }], aged, known)).to.deep.equal(['b']);
    expect(kept([{ lastPulled: 3 }], aged, known)).to.deep.equal(['a', 'b', 'd']);
  });

  it('keeps all that may be among the last pulled while pulls are not known', () => {
    expect(kept([{ lastPulled: 1 }], aged, pulls({ d: 0.5 }, ago(2.5)))).to.deep.equal(['d']);
    expect(kept([{ lastPulled: 1 }], aged, pulls({ d: 3 }, ago(1)))).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(kept([{ lastPulled: 2 }], aged, pulls({}, now))).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('keeps what was pushed within so many seconds', () => {
    expect(kept([{ pushedWithin: 2.5 * DAY }], aged)).to.deep.equal(['a', 'b']);
  });

  it('keeps what was pulled within so many seconds, was pushed since, or may have been pulled', () => {
    expect(kept([{ pulledWithin: 2 * DAY }], aged, pulls({ d: 1 }))).to.deep.equal(['a', 'd']);
    expect(kept([{ pulledWithin: 2 * DAY }], aged, pulls({ d: 1 }, ago(1.5)))).to.deep.equal([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(kept([{ pulledWithin: 2 * DAY }], aged, pulls({}, ago(2.1)))).to.deep.equal(['a']);
  });

  it('keeps versions in a range, with or without a v', () => {
    const tags = ['1.0.0', 'v1.2.3', '2.0.0', '1.3.0-rc.1', '1.2', 'latest', 'sha256-abc'].map((tag) =>
      pushed(tag, 9),
    );
    expect(kept([{ semver: '>=1.1 <2' }], tags)).to.deep.equal(['v1.2.3']);
    expect(kept([{ semver: '>=1.1 <2', includePrerelease: true }], tags)).to.deep.equal([
      '1.3.0-rc.1',
      'v1.2.3',
    ]);
    expect(kept([{ semver: '*' }], tags)).to.deep.equal(['1.0.0', '2.0.0', 'v1.2.3']);
  });

  it('is about the tags it names alone, also when it counts', () => {
    const tags = [
      pushed('dev-1', 1),
      pushed('dev-2', 2),
      pushed('v1', 3),
      pushed('v2', 4),
      pushed('latest', 9),
    ];
    const keep = [
      { tags: ['v*'], lastPushed: 1 },
      { tags: ['latest', 'dev-2'], always: true },
    ] as const;
    expect(kept(keep, tags)).to.deep.equal(['dev-2', 'latest', 'v1']);
  });

  it('has one criterion, and says so otherwise', () => {
    for (const rule of [{}, { tags: ['x'] }, { lastPushed: 1, always: true }] as const)
      expect(() => new Rules([{ repositories: ['**'], keep: [{ always: true }, rule] }])).to.throw(
        'policy 1: keep rule 2 needs exactly one of always, semver, lastPushed',
      );
    expect(() => new Rules([{ repositories: ['**'], keep: [{ semver: 'a' }] }])).to.throw("'a' is no range");
  });
});

describe('Policies', () => {
  const rules = new Rules([
    { repositories: ['team/prod'], keep: [{ always: true }] },
    { repositories: ['team/**'], keep: [{ name: 'two builds', lastPushed: 2 }, { pulledWithin: 7 * DAY }] },
  ]);
  const judge = (repository: string): readonly (readonly [string, boolean, string])[] =>
    rules
      .judge(repository, [pushed('a', 8), pushed('b', 9), pushed('c', 10)], pulls(), now)
      .map(({ tag, keeps, rule }) => [tag, keeps, rule]);

  it('are for the repositories they name, the first that fits alone', () => {
    expect(['team/prod', 'team/app/x', 'team', 'other/app'].map((name) => rules.isAbout(name))).to.deep.equal(
      [true, true, false, false],
    );
    expect(judge('team/prod').every(([, keeps]) => keeps)).to.equal(true);
    expect(judge('other/app')).to.deep.equal([]);
    expect([rules.needsPulls('team/prod'), rules.needsPulls('team/app')]).to.deep.equal([false, true]);
  });

  it('say of each tag which rule keeps it, or that none does', () => {
    expect(judge('team/app')).to.deep.equal([
      ['a', true, 'policy 2, keep rule 1, two builds'],
      ['b', true, 'policy 2, keep rule 1, two builds'],
      ['c', false, 'policy 2, which keeps it by none of its rules'],
    ]);
  });
});
