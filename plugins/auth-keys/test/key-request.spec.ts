import { expect } from 'chai';
import { isRobotName, makeKey, ownerMistake, robotNamed } from '../src/key-request.ts';

const parties = { owner: 'alice', isRobot: false, groups: ['dev'], createdBy: 'alice' };
const good = { name: 'laptop', scopes: [{ repositories: ['team/**'], actions: ['pull'] }], days: 30 };

describe('A request for a key', () => {
  it('gives a key and its record', () => {
    const { text, record } = makeKey(good, parties, 1000);
    expect(text).to.include(record.id);
    expect(record).to.include({ name: 'laptop', owner: 'alice', created: 1000, used: undefined });
    expect(record.expires).to.equal(1000 + 30 * 86_400_000);
    expect(record.scopes).to.deep.equal(good.scopes);
  });

  it('gets pull with push: clients ask what is there before they push', () => {
    const scopes = [{ repositories: ['a'], actions: ['push', 'delete', 'push'] }];
    expect(makeKey({ ...good, scopes }, parties, 0).record.scopes).to.deep.equal([
      { repositories: ['a'], actions: ['pull', 'push', 'delete'] },
    ]);
  });

  const mistakes: readonly (readonly [string, object])[] = [
    ['up to 63 small letters', { name: undefined }],
    ['up to 63 small letters', { name: 'My Laptop' }],
    ['up to 63 small letters', { name: '$(rm -rf)' }],
    ['up to 63 small letters', { name: 'a'.repeat(64) }],
    ['days', { days: 0 }],
    ['days', { days: 1.5 }],
    ['days', { days: '30' }],
    ['scopes is a list', { scopes: undefined }],
    ['scopes is a list', { scopes: [] }],
    ['scopes is a list', { scopes: Array.from({ length: 21 }, () => good.scopes[0]) }],
    ['repositories', { scopes: [null] }],
    ['repositories', { scopes: [{ actions: ['pull'] }] }],
    ['repositories', { scopes: [{ repositories: [], actions: ['pull'] }] }],
    ['is no pattern', { scopes: [{ repositories: ['Team'], actions: ['pull'] }] }],
    ['is no pattern', { scopes: [{ repositories: ['${user}/a'], actions: ['pull'] }] }],
    ['actions', { scopes: [{ repositories: ['a'], actions: [] }] }],
    ['actions', { scopes: [{ repositories: ['a'], actions: ['PULL'] }] }],
    ['no "push"', { scopes: [{ repositories: ['a'], actions: ['pull'], push: true }] }],
  ];
  for (const [message, change] of mistakes) {
    it(`is refused: ${message}, for ${JSON.stringify(change).slice(0, 60)}`, () => {
      expect(() => makeKey({ ...good, ...change }, parties, 0)).to.throw(message);
    });
  }

  it('is for names that a login can carry', () => {
    for (const name of ['alice', 'Alice Liddell', 'ж', 'a@b.example'])
      expect(ownerMistake(name)).to.equal(undefined);
    for (const name of ['', 'repo:org/app', 'a\nb', 'x'.repeat(121)])
      expect(ownerMistake(name)).to.be.a('string');
  });

  it('is for robots under names of their own', () => {
    expect(robotNamed('ci')).to.equal('robot-ci');
    expect(isRobotName('robot-ci')).to.equal(true);
    expect(isRobotName('robin')).to.equal(false);
    for (const name of ['', 'CI', 'a b', 'a$b', undefined]) expect(() => robotNamed(name)).to.throw('robot');
  });
});
