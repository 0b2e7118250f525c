import { expect } from 'chai';
import { isRegistryError, RegistryError } from '@entrepot/plugin-sdk';
import { isPlausible, Logins } from '@entrepot/plugin-sdk/access';

/** Logins over a check that knows alice and bob by the password `right`, and keeps a list of what it was asked. */
class Stage {
  now = 0;
  readonly versions = new Map([
    ['alice', '1'],
    ['bob', '1'],
  ]);
  readonly checks: string[] = [];
  readonly lines: string[] = [];
  readonly logins: Logins;
  failure: Error | undefined;
  /** Refusals that are held, to be let go. */
  readonly held: (() => void)[] = [];
  holds = false;

  constructor({ perAccount = 3, perAddress = 5 } = {}) {
    this.logins = new Logins({
      check: {
        identify: async ({ username, password }) => {
          this.checks.push(username);
          if (this.failure !== undefined) throw this.failure;
          const isRight = this.versions.has(username) && password === 'right';
          return isRight ? { subject: username, groups: ['team'] } : undefined;
        },
        versionOf: (username) => this.versions.get(username) ?? '',
        accountOf: (username) => username.toLowerCase(),
      },
      limits: {
        cacheSeconds: 60,
        guessesPerAccount: perAccount,
        guessesPerAddress: perAddress,
        guessWindowSeconds: 900,
      },
      now: () => this.now,
      delay: (milliseconds) => {
        expect(milliseconds).to.equal(1000);
        return new Promise<void>((resolve) => {
          if (this.holds) this.held.push(resolve);
          else resolve();
        });
      },
      log: { debug() {}, info() {}, error() {}, warn: (details) => this.lines.push(JSON.stringify(details)) },
    });
  }

  /** The subject, or the code of the refusal. */
  async login(username: string, password: string, address = '192.0.2.1'): Promise<string> {
    try {
      const basic = { username, password };
      return (await this.logins.identify({ basic, address, requestId: 'r' })).subject;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return `${error.code} ${error.message} ${error.headers['retry-after'] ?? ''}`.trim();
    }
  }
}

const wrong = 'UNAUTHORIZED the name or the password is wrong';

describe('Logins', () => {
  it('know who has the right password, and answer wrong names and wrong passwords alike', async () => {
    const stage = new Stage();
    expect(await stage.login('alice', 'right')).to.equal('alice');
    expect(await stage.login('alice', 'guess')).to.equal(wrong);
    expect(await stage.login('nobody', 'right')).to.equal(wrong);
  });

  it('check a password once a minute, right or wrong, and once when many come at the same time', async () => {
    const stage = new Stage();
    const attempt = (): Promise<string[]> =>
      Promise.all(['right', 'right', 'guess', 'guess'].map((password) => stage.login('alice', password)));
    expect(await attempt()).to.deep.equal(['alice', 'alice', wrong, wrong]);
    await attempt();
    expect(stage.checks).to.have.lengthOf(2);
    stage.now += 60_000;
    await attempt();
    expect(stage.checks).to.have.lengthOf(4);
  });

  it('forget what they know of a name when that has changed', async () => {
    const stage = new Stage();
    await stage.login('alice', 'right');
    await stage.login('nobody', 'right');
    stage.versions.set('alice', '2');
    stage.versions.set('nobody', '1');
    expect(await stage.login('nobody', 'right')).to.equal('nobody');
    await stage.login('alice', 'right');
    expect(stage.checks).to.deep.equal(['alice', 'nobody', 'nobody', 'alice']);
    stage.versions.delete('alice');
    expect(await stage.login('alice', 'right')).to.equal(wrong);
  });

  it('remember who it is, groups and all', async () => {
    const stage = new Stage();
    const basic = { username: 'alice', password: 'right' };
    const request = { basic, address: '192.0.2.1', requestId: 'r' };
    const first = await stage.logins.identify(request);
    expect(first).to.deep.equal({ subject: 'alice', groups: ['team'] });
    expect(await stage.logins.identify(request)).to.equal(first);
    expect(stage.checks).to.have.lengthOf(1);
  });

  it('count guesses together where names are of the same user', async () => {
    const stage = new Stage({ perAccount: 2 });
    for (const name of ['alice', 'ALICE']) expect(await stage.login(name, 'guess')).to.equal(wrong);
    expect(await stage.login('Alice', 'other guess')).to.match(/^TOOMANYREQUESTS/);
  });

  it('are not counted, and known to be neither right nor wrong, while it cannot be found out', async () => {
    const stage = new Stage({ perAccount: 1 });
    stage.failure = new RegistryError('UNAVAILABLE', 'the directory is down');
    for (let time = 0; time < 3; time += 1)
      expect(await stage.login('alice', 'right')).to.equal('UNAVAILABLE the directory is down');
    stage.failure = undefined;
    expect(await stage.login('alice', 'right')).to.equal('alice');
  });

  it('refuse an account after so many guesses from one address, the right password as well', async () => {
    const stage = new Stage();
    for (const guess of ['1', '2', '3']) expect(await stage.login('alice', guess)).to.equal(wrong);
    const tooMany = 'TOOMANYREQUESTS too many wrong passwords; try again later 900';
    expect(await stage.login('alice', '4')).to.equal(tooMany);
    expect(await stage.login('alice', 'right')).to.equal(tooMany);
    expect(await stage.login('bob', 'right')).to.equal('bob');
    expect(await stage.login('alice', 'right', '192.0.2.2')).to.equal('alice');
    expect(stage.checks).to.have.lengthOf(5);
    stage.now += 900_000;
    expect(await stage.login('alice', '4')).to.equal(wrong);
  });

  it('take the same wrong password again for no new guess', async () => {
    const stage = new Stage();
    for (let time = 0; time < 10; time += 1) expect(await stage.login('alice', 'old')).to.equal(wrong);
    expect(await stage.login('alice', 'right')).to.equal('alice');
  });

  it('refuse an address after so many guesses, whatever the names, and nobody who is known', async () => {
    const stage = new Stage();
    expect(await stage.login('bob', 'right')).to.equal('bob');
    const guesses = await Promise.all(
      Array.from({ length: 20 }, (_, number) => stage.login(`user-${number}`, 'guess')),
    );
    expect(guesses.filter((answer) => answer === wrong)).to.have.lengthOf(5);
    expect(guesses.filter((answer) => answer.startsWith('TOOMANYREQUESTS'))).to.have.lengthOf(15);
    expect(stage.checks).to.have.lengthOf(6);
    expect(await stage.login('bob', 'right')).to.equal('bob');
    expect(await stage.login('alice', 'right')).to.match(/^TOOMANYREQUESTS/);
  });

  it('hold refusals that cost nothing for a second, a bounded number of them, and nobody who is known', async () => {
    const stage = new Stage({ perAccount: 1 });
    await stage.login('bob', 'right');
    expect(await stage.login('alice', 'old')).to.equal(wrong);
    stage.holds = true;
    let answered = 0;
    const refusals = Array.from({ length: 300 }, async (_, number) => {
      await stage.login('alice', number % 2 === 0 ? 'old' : `guess ${number}`);
      answered += 1;
    });
    expect(await stage.login('bob', 'right')).to.equal('bob');
    await Promise.all(refusals.slice(-2));
    expect([stage.held.length, answered]).to.deep.equal([256, 44]);
    for (const letGo of stage.held) letGo();
    await Promise.all(refusals);
    expect(stage.checks).to.have.lengthOf(2);
  });

  it('count right passwords for nothing, and checks that failed neither', async () => {
    const stage = new Stage({ perAccount: 1, perAddress: 1 });
    stage.failure = new Error('no thread');
    const failure: unknown = await stage.login('alice', '1').catch((error: unknown) => error);
    expect(failure).to.equal(stage.failure);
    stage.failure = undefined;
    expect(await stage.login('alice', 'right')).to.equal('alice');
    expect(await stage.login('bob', 'right')).to.equal('bob');
    expect(await stage.login('bob', 'guess')).to.equal(wrong);
  });

  it('are logged with name, address and request when refused, and never with the password', async () => {
    const stage = new Stage();
    await stage.login('alice', 'my-secret');
    expect(stage.lines).to.deep.equal(['{"reqId":"r","user":"alice","address":"192.0.2.1"}']);
  });
});

describe('A name and a password', () => {
  it('have no control characters, and no endless name', () => {
    expect(isPlausible({ username: 'alice', password: 'wonder land' })).to.equal(true);
    for (const [username, password] of [
      ['a'.repeat(256), 'right'],
      ['alice', 'right\0right'],
      ['ali\nce', 'right'],
    ] as const)
      expect(isPlausible({ username, password })).to.equal(false);
  });
});
