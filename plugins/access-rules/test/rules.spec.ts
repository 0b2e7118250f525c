import { expect } from 'chai';
import type { Access, Identity } from '@entrepot/plugin-sdk';
import { Judge, type Decide } from '../src/judge.ts';
import type { RuleOptions } from '../src/rule.ts';
import { RuleSet } from '../src/rule-set.ts';

const lines: object[] = [];
const log = { debug() {}, info() {}, error() {}, warn: (details: object) => lines.push(details) };
const alice: Identity = { subject: 'alice' };

interface Setting {
  readonly shadow?: readonly RuleOptions[];
  readonly decide?: Decide;
}

function judge(rules: readonly RuleOptions[], { shadow, decide }: Setting = {}): Judge {
  return new Judge({
    groups: { dev: ['alice', 'bob'] },
    rules: new RuleSet('rules', rules),
    shadow: shadow === undefined ? undefined : new RuleSet('shadow', shadow),
    decide,
    log,
  });
}

const on = (name: string, ...actions: readonly Access['action'][]): Access[] =>
  actions.map((action) => ({ type: 'repository', name, action }));
const catalog: Access[] = [{ type: 'registry', name: 'catalog', action: '*' }];

/** Whether it is allowed. */
async function may(
  rules: readonly RuleOptions[],
  identity: Identity | undefined,
  access: readonly Access[],
  address = '192.0.2.1',
): Promise<boolean> {
  return (await judge(rules).refusal({ identity, access, address })) === undefined;
}

describe('Access rules', () => {
  beforeEach(() => {
    lines.length = 0;
  });

  it('deny what no rule allows', async () => {
    for (const identity of [undefined, alice]) {
      for (const access of [on('a', 'pull'), on('a', 'push'), on('a', 'delete'), on('a', '*'), catalog]) {
        expect(await may([], identity, access)).to.equal(false);
      }
    }
  });

  it('let the first one decide that fits, whatever comes behind', async () => {
    const rules: RuleOptions[] = [
      { who: ['user:alice'], repositories: ['team/secret'], deny: ['*'], reason: 'ask the owners' },
      { who: ['known'], repositories: ['team/**'], allow: ['pull', 'push'] },
      { who: ['everyone'], deny: ['push'] },
      { who: ['user:alice'], allow: ['*'] },
    ];
    expect(await may(rules, alice, on('team/app', 'pull', 'push'))).to.equal(true);
    expect(await may(rules, alice, on('team/secret', 'pull'))).to.equal(false);
    expect(await may(rules, { subject: 'bob' }, on('team/secret', 'pull'))).to.equal(true);
    expect(await may(rules, alice, on('other/app', 'push'))).to.equal(false);
    expect(await may(rules, alice, on('other/app', 'delete'))).to.equal(true);
  });

  it('need every action of a request to be allowed, `*` being all of them', async () => {
    const rules: RuleOptions[] = [{ who: ['known'], repositories: ['a'], allow: ['pull', 'push'] }];
    expect(await may(rules, alice, on('a', 'pull', 'push'))).to.equal(true);
    expect(await may(rules, alice, on('a', 'pull', 'delete'))).to.equal(false);
    expect(await may(rules, alice, on('a', '*'))).to.equal(false);
    expect(await may(rules, alice, [...on('a', 'pull'), ...on('b', 'pull')])).to.equal(false);
    expect(await may([{ who: ['known'], allow: ['*'] }], alice, on('a', '*'))).to.equal(true);
  });

  it('are about the unknown, the known, everyone, users and groups', async () => {
    const known = async (who: string): Promise<boolean[]> => {
      const rules: RuleOptions[] = [{ who: [who], allow: ['pull'] }];
      const people = [undefined, alice, { subject: 'ci-7', groups: ['ops'] }];
      return Promise.all(people.map((identity) => may(rules, identity, on('a', 'pull'))));
    };
    expect(await known('anonymous')).to.deep.equal([true, false, false]);
    expect(await known('everyone')).to.deep.equal([true, true, true]);
    expect(await known('known')).to.deep.equal([false, true, true]);
    expect(await known('user:alice')).to.deep.equal([false, true, false]);
    expect(await known('user:ci-*')).to.deep.equal([false, false, true]);
    expect(await known('group:dev')).to.deep.equal([false, true, false]);
    expect(await known('group:ops')).to.deep.equal([false, false, true]);
    expect(await known('user:*')).to.deep.equal([false, true, true]);
  });

  it('may ask for claims, all of them', async () => {
    const rules: RuleOptions[] = [
      { who: ['known'], claims: { owner: 'acme', ref: 'refs/tags/*' }, allow: ['push'] },
    ];
    const claiming = (claims: Record<string, unknown>): Promise<boolean> =>
      may(rules, { subject: 'ci', claims }, on('a', 'push'));
    expect(await claiming({ owner: 'acme', ref: 'refs/tags/v1' })).to.equal(true);
    expect(await claiming({ owner: ['other', 'acme'], ref: 'refs/tags/v1' })).to.equal(true);
    expect(await claiming({ owner: 'acme', ref: 'refs/heads/main' })).to.equal(false);
    expect(await claiming({ owner: 'acme' })).to.equal(false);
    expect(await claiming({ owner: { acme: true }, ref: 'refs/tags/v1' })).to.equal(false);
    expect(await may(rules, alice, on('a', 'push'))).to.equal(false);
    const inherited: RuleOptions[] = [{ who: ['known'], claims: { constructor: '*' }, allow: ['push'] }];
    expect(await may(inherited, { subject: 'ci', claims: {} }, on('a', 'push'))).to.equal(false);
  });

  it('may ask for a claim within another', async () => {
    const path = '/kubernetes.io/serviceaccount/name';
    const rules: RuleOptions[] = [{ who: ['known'], claims: { [path]: 'builder' }, allow: ['push'] }];
    const claiming = (claims: Record<string, unknown>): Promise<boolean> =>
      may(rules, { subject: 'pod', claims }, on('a', 'push'));
    const nested = { 'kubernetes.io': { serviceaccount: { name: 'builder' } } };
    expect(await claiming(nested)).to.equal(true);
    expect(await claiming({ 'kubernetes.io': { serviceaccount: { name: 'other' } } })).to.equal(false);
    expect(await claiming({ [path]: 'builder' })).to.equal(false);
  });

  it('may ask for networks, one of them', async () => {
    const rules: RuleOptions[] = [
      { who: ['everyone'], networks: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'], allow: ['pull'] },
    ];
    const from = (address: string): Promise<boolean> => may(rules, undefined, on('a', 'pull'), address);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1', '192.0.2.7']) {
      expect(await from(address), address).to.equal(true);
    }
    for (const address of ['11.1.2.3', '2001:db9::1', '192.0.2.8', '', 'unix']) {
      expect(await from(address), address).to.equal(false);
    }
  });

  it('give the catalog by a right of its own, and show what may be pulled', async () => {
    const rules: RuleOptions[] = [
      { who: ['known'], allow: ['catalog'] },
      { who: ['user:alice'], repositories: ['team/**'], allow: ['pull'] },
    ];
    expect(await may(rules, undefined, catalog)).to.equal(false);
    const filters: ((repository: string) => boolean | Promise<boolean>)[] = [];
    const refusal = await judge(rules).refusal({
      identity: alice,
      access: catalog,
      address: '',
      limitCatalog: (shows) => filters.push(shows),
    });
    expect(refusal).to.equal(undefined);
    expect(filters).to.have.lengthOf(1);
    expect(await filters[0]?.('team/app')).to.equal(true);
    expect(await filters[0]?.('other/app')).to.equal(false);
  });

  it('ask for `create` when a push would make a repository, and a rule names it', async () => {
    const rules: RuleOptions[] = [
      { who: ['user:alice'], allow: ['pull', 'push', 'create'] },
      { who: ['known'], allow: ['pull', 'push'] },
    ];
    const asked: string[] = [];
    const push = (of: readonly RuleOptions[], subject: string, name: string): Promise<string | undefined> =>
      judge(of).refusal({
        identity: { subject },
        access: on(name, 'pull', 'push'),
        address: '',
        exists: async (repository) => {
          asked.push(repository);
          return repository === 'old';
        },
      });
    expect(await push(rules, 'alice', 'new')).to.equal(undefined);
    expect(await push(rules, 'bob', 'old')).to.equal(undefined);
    expect(await push(rules, 'bob', 'new')).to.equal('bob may not create new: no rule allows it');
    expect(asked).to.deep.equal(['new', 'old', 'new']);
    expect(await push([{ who: ['known'], allow: ['pull', 'push'] }], 'bob', 'new')).to.equal(undefined);
    expect(await push([{ who: ['known'], allow: ['*'] }], 'bob', 'new')).to.equal(undefined);
    const denied: RuleOptions[] = [{ who: ['known'], allow: ['pull'] }, ...rules.slice(0, 1)];
    expect(await push(denied, 'bob', 'new')).to.match(/may not push to new/);
    expect(asked).to.have.lengthOf(3);
  });

  it('say who may not do what, and which rule decides', async () => {
    const rules: RuleOptions[] = [
      { who: ['known'], repositories: ['a'], allow: ['pull'] },
      { who: ['known'], repositories: ['a'], deny: ['push'], reason: 'a is frozen' },
    ];
    const refusal = (access: Access[], identity?: Identity): Promise<string | undefined> =>
      judge(rules).refusal({ identity, access, address: '' });
    expect(await refusal(on('a', 'pull', 'push'), alice)).to.equal(
      'alice may not push to a: rule 2 denies it: a is frozen',
    );
    expect(await refusal(on('a', 'delete'), alice)).to.equal('alice may not delete in a: no rule allows it');
    expect(await refusal(catalog)).to.equal(
      'who is not known may not list the repositories: no rule allows it',
    );
  });

  it('explain each action when they are asked to', async () => {
    const reasons: string[] = [];
    const rules: RuleOptions[] = [{ who: ['known'], allow: ['pull'] }];
    const request = { identity: alice, access: on('a', 'pull', 'push'), address: '' };
    await judge(rules, { shadow: [] }).refusal({ ...request, explain: (reason) => reasons.push(reason) });
    expect(reasons).to.deep.equal([
      'pull from a: rule 1 allows it',
      'pull from a: the shadow rules would deny it, no rule allows it',
      'push to a: no rule allows it',
    ]);
    expect(lines).to.deep.equal([]);
  });

  it('only log what the shadow rules would deny, once, and nothing that is denied anyway', async () => {
    const subject = judge([{ who: ['everyone'], repositories: ['a', 'b'], allow: ['pull'] }], {
      shadow: [{ who: ['known'], repositories: ['a'], allow: ['pull'] }],
    });
    for (const identity of [alice, undefined, undefined]) {
      for (const name of ['a', 'b', 'c']) {
        const refusal = await subject.refusal({ identity, access: on(name, 'pull'), address: '' });
        expect(refusal === undefined).to.equal(name !== 'c');
      }
    }
    expect(lines).to.deep.equal([
      { user: 'alice', action: 'pull', repository: 'b', because: 'no rule allows it' },
      { user: undefined, action: 'pull', repository: 'a', because: 'no rule allows it' },
      { user: undefined, action: 'pull', repository: 'b', because: 'no rule allows it' },
    ]);
  });

  it('ask a function first, and fail closed when it fails', async () => {
    const decide: Decide = async ({ repository }) => {
      switch (repository) {
        case 'yes':
          return true;
        case 'no':
          return false;
        case 'why':
          return 'not on Fridays';
        case 'broken':
          throw new Error('broken');
        default:
          return undefined;
      }
    };
    const subject = judge([{ who: ['everyone'], repositories: ['rules'], allow: ['pull'] }], { decide });
    const refusal = (name: string): Promise<string | undefined> =>
      subject.refusal({ identity: alice, access: on(name, 'pull'), address: '' });
    expect(await refusal('yes')).to.equal(undefined);
    expect(await refusal('rules')).to.equal(undefined);
    expect(await refusal('no')).to.match(/'decide' denies it$/);
    expect(await refusal('why')).to.match(/'decide' denies it: not on Fridays$/);
    expect(await refusal('other')).to.match(/no rule allows it$/);
    const failure: unknown = await refusal('broken').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
  });

  const mistakes: readonly [what: string, rule: RuleOptions, message: RegExp][] = [
    ['neither allows nor denies', { who: ['everyone'] }, /rules\[0\].*'allow' or 'deny'/],
    ['does both', { who: ['everyone'], allow: ['pull'], deny: ['push'] }, /'allow' or 'deny'/],
    ['is about nobody', { who: ['alice'], allow: ['pull'] }, /'alice' is nobody.*user:<name>/],
    [
      'names no network',
      { who: ['everyone'], networks: ['10.0.0.0/33'], allow: ['pull'] },
      /'10.0.0.0\/33' is no network/,
    ],
    ['names a host', { who: ['everyone'], networks: ['localhost'], allow: ['pull'] }, /'localhost' is no/],
  ];
  for (const [what, rule, message] of mistakes) {
    it(`are refused when one ${what}, with its number`, () => {
      expect(() => new RuleSet('rules', [rule])).to.throw(message);
    });
  }
});
