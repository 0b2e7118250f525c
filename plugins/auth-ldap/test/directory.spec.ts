import { expect } from 'chai';
import { isRegistryError } from '@entrepot/plugin-sdk';
import type { FoundEntry, Query } from '../src/connection.ts';
import { Directory, type DirectoryConnection, type Layout } from '../src/directory.ts';

const people = 'ou=people,dc=example,dc=com';
const groups = 'ou=groups,dc=example,dc=com';
const alice = `uid=alice,${people}`;
const reader = `cn=registry,${people}`;

const searching: Layout = {
  bindDn: reader,
  bindPassword: 'reading',
  userBase: people,
  userFilter: '(uid={user})',
  nameAttribute: 'uid',
  groupBase: groups,
  groupFilter: '(member={dn})',
  groupAttribute: 'cn',
  memberOf: false,
};

type Attributes = Readonly<Record<string, readonly string[]>>;

function entry(dn: string, attributes: Attributes): FoundEntry {
  return { dn, valuesOf: (attribute) => attributes[attribute] ?? [] };
}

/** A directory with alice in it, that keeps a list of what it was asked, and answers what each search is to find. */
class Stage implements DirectoryConnection {
  readonly asked: string[] = [];
  readonly lines: string[] = [];
  readonly passwords = new Map([
    [reader, 'reading'],
    [alice, 'wonderland'],
    ['', ''],
  ]);
  readonly found = new Map<string, readonly FoundEntry[]>([
    ['(uid=alice)', [entry(alice, {})]],
    [alice, [entry(alice, { uid: ['alice'] })]],
    [
      `(member=${alice})`,
      [entry(`cn=dev,${groups}`, { cn: ['dev'] }), entry(`cn=ops,${groups}`, { cn: ['ops'] })],
    ],
  ]);
  failure: Error | undefined;
  readonly directory: Directory;

  constructor(layout: Partial<Layout> = {}) {
    this.directory = new Directory({
      use: (work) => work(this),
      layout: { ...searching, ...layout },
      log: {
        debug() {},
        info() {},
        warn() {},
        error: (_details, message = '') => void this.lines.push(message),
      },
    });
  }

  async bind(dn: string, password: string): Promise<boolean> {
    this.asked.push(`bind ${dn}`);
    if (this.failure !== undefined) throw this.failure;
    return this.passwords.get(dn) === password;
  }

  async search({ base, scope, filter }: Query): Promise<readonly FoundEntry[]> {
    const key = scope === 'base' ? base : filter;
    this.asked.push(`search ${key}`);
    return this.found.get(key) ?? [];
  }

  /** Who it is, or the code of the refusal. */
  async identify(username: string, password: string): Promise<unknown> {
    try {
      return await this.directory.identify({ username, password });
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return `${error.code} ${error.headers['retry-after'] ?? ''}`;
    }
  }
}

describe('A directory', () => {
  it('finds the entry, lets the user in with it, and tells the groups', async () => {
    const stage = new Stage();
    expect(await stage.identify('alice', 'wonderland')).to.deep.equal({
      subject: 'alice',
      groups: ['dev', 'ops'],
    });
    expect(stage.asked).to.deep.equal([
      `bind ${reader}`,
      'search (uid=alice)',
      `bind ${alice}`,
      `bind ${reader}`,
      `search ${alice}`,
      `search (member=${alice})`,
    ]);
  });

  it('asks as much of a name that does not exist as of a wrong password, and answers alike', async () => {
    const [wrong, unknown] = [new Stage(), new Stage()];
    expect(await wrong.identify('alice', 'guess')).to.equal(undefined);
    expect(await unknown.identify('nobody', 'guess')).to.equal(undefined);
    const kinds = ({ asked }: Stage): unknown => asked.map((each) => each.split(' ')[0]);
    expect(kinds(unknown)).to.deep.equal(['bind', 'search', 'bind']);
    expect(kinds(wrong)).to.deep.equal(kinds(unknown));
  });

  it('is never asked with an empty password, which it would take for a stranger', async () => {
    const stage = new Stage();
    stage.passwords.set(alice, '');
    for (const [name, password] of [
      ['alice', ''],
      ['', 'wonderland'],
      [' ', 'wonderland'],
      ['alice', 'wonder\0land'],
      ['a'.repeat(256), 'wonderland'],
    ] as const)
      expect(await stage.identify(name, password)).to.equal(undefined);
    expect(stage.asked).to.deep.equal([]);
  });

  it('takes a name for a name, and for nothing that a filter or a distinguished name could mean', async () => {
    const stage = new Stage();
    stage.found.set('(uid=*)', [entry(alice, {})]);
    expect(await stage.identify('*', 'wonderland')).to.equal(undefined);
    expect(await stage.identify('x)(|(uid=*', 'wonderland')).to.equal(undefined);
    expect(stage.asked).to.include('search (uid=\\2a)');
    expect(stage.asked).to.include('search (uid=x\\29\\28|\\28uid=\\2a)');
    const templated = new Stage({ userDn: `uid={user},${people}` });
    expect(await templated.identify(`alice,${people}`, 'wonderland')).to.equal(undefined);
    expect(templated.asked[0]).to.match(/^bind uid=alice\\2cou\\3dpeople/);
  });

  it('calls the user as the directory does, however the name was typed', async () => {
    const stage = new Stage();
    stage.found.set('(uid=ALICE)', [entry(alice, {})]);
    expect(await stage.identify('ALICE', 'wonderland')).to.deep.include({ subject: 'alice' });
    stage.found.set(alice, [entry(alice, { uid: ['liddell', 'Alice'] })]);
    expect(await stage.identify('ALICE', 'wonderland')).to.deep.include({ subject: 'Alice' });
    expect(stage.directory.accountOf(' Alice  Liddell ')).to.equal('alice liddell');
  });

  it('does without a search where all entries are named alike, and asks for groups as the user', async () => {
    const { bindDn: _bindDn, bindPassword: _bindPassword, ...layout } = searching;
    const stage = new Stage();
    const directory = new Directory({
      use: (work) => work(stage),
      layout: { ...layout, userDn: `uid={user},${people}` },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    expect(await directory.identify({ username: 'alice', password: 'wonderland' })).to.deep.equal({
      subject: 'alice',
      groups: ['dev', 'ops'],
    });
    expect(stage.asked).to.deep.equal([`bind ${alice}`, `search ${alice}`, `search (member=${alice})`]);
  });

  it('takes the groups of the user itself, those that are where groups are', async () => {
    const stage = new Stage({ memberOf: true });
    const memberOf = [
      `cn=dev,${groups}`,
      `CN=Ops,OU=Groups,DC=example,DC=com`,
      'cn=admins,ou=lunch,dc=example,dc=com',
    ];
    stage.found.set(alice, [entry(alice, { uid: ['alice'], memberOf })]);
    expect(await stage.identify('alice', 'wonderland')).to.deep.equal({
      subject: 'alice',
      groups: ['dev', 'Ops'],
    });
  });

  it('that cannot be asked, or does not say who it is, is a 503 and not a wrong password', async () => {
    const broken: readonly ((stage: Stage) => void)[] = [
      (stage) => (stage.failure = new Error('connect ECONNREFUSED')),
      (stage) => stage.passwords.set(reader, 'changed'),
      (stage) => stage.found.set('(uid=alice)', [entry(alice, {}), entry(`uid=alice,ou=old,${people}`, {})]),
      (stage) => stage.found.delete(alice),
      (stage) => stage.found.set(alice, [entry(alice, {})]),
      (stage) => stage.found.set(alice, [entry(alice, { uid: ['liddell', 'pleasance'] })]),
      (stage) =>
        stage.found.set(
          `(member=${alice})`,
          Array.from({ length: 1001 }, (_, n) => entry(`cn=${n},${groups}`, { cn: [String(n)] })),
        ),
    ];
    for (const breaking of broken) {
      const stage = new Stage();
      breaking(stage);
      expect(await stage.identify('alice', 'wonderland')).to.equal('UNAVAILABLE 5');
      expect(stage.lines).to.deep.equal(['the directory could not be asked']);
    }
  });
});
