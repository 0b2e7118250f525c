import { expect } from 'chai';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { BcryptQueue } from '../src/bcrypt.ts';
import { GuessLimit } from '../src/guess-limit.ts';
import { Logins } from '../src/logins.ts';
import { Recent } from '../src/recent.ts';

interface Check {
  readonly password: string;
  readonly hash: string;
}

/** Logins over a bcrypt that finds `right` in every hash, and keeps a list of what it was asked. */
class Stage {
  now = 0;
  readonly users = new Map([
    ['alice', 'hash of alice'],
    ['bob', 'hash of bob'],
  ]);
  readonly checks: Check[] = [];
  readonly lines: string[] = [];
  readonly logins: Logins;
  failure: Error | undefined;
  /** Refusals that are held, to be let go. */
  readonly held: (() => void)[] = [];
  holds = false;

  constructor({ perAccount = 3, perAddress = 5 } = {}) {
    const { users } = this;
    const clock = (): number => this.now;
    this.logins = new Logins({
      file: {
        get content() {
          return { users, hashes: [...users.values()] };
        },
      },
      bcrypt: {
        matches: async (password, hash) => {
          this.checks.push({ password, hash });
          if (this.failure !== undefined) throw this.failure;
          return password === 'right';
        },
      },
      perAccount: new GuessLimit(perAccount, 900_000, clock),
      perAddress: new GuessLimit(perAddress, 900_000, clock),
      right: new Recent(60_000, 100, clock),
      wrong: new Recent(60_000, 100, clock),
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

  it('check names that do not exist against the hash of somebody, always the same', async () => {
    const stage = new Stage({ perAccount: 0, perAddress: 0 });
    for (const name of ['x', 'y', 'z']) {
      for (const password of ['1', '2']) await stage.login(name, password);
    }
    expect(stage.checks).to.have.lengthOf(6);
    for (const [index, { hash }] of stage.checks.entries()) {
      expect([...stage.users.values()]).to.include(hash);
      if (index % 2 === 1) expect(hash).to.equal(stage.checks[index - 1]?.hash);
    }
    stage.users.clear();
    await stage.login('x', '3');
    expect(stage.checks.at(-1)?.hash).to.match(/^\$2b\$10\$/);
  });

  it('check as long for names and passwords that cannot be, and never let them in', async () => {
    const stage = new Stage();
    stage.users.set('a'.repeat(256), 'hash');
    for (const [name, password] of [
      ['a'.repeat(256), 'right'],
      ['alice', 'right\0right'],
      ['ali\nce', 'right'],
      ['', 'right'],
    ] as const) {
      expect(await stage.login(name, password)).to.equal(wrong);
    }
    expect(stage.checks).to.have.lengthOf(4);
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

  it('forget what they know of a password when the hash changes', async () => {
    const stage = new Stage();
    await stage.login('alice', 'right');
    await stage.login('nobody', 'right');
    stage.users.set('alice', 'new hash');
    stage.users.set('nobody', 'hash of somebody after all');
    expect(await stage.login('nobody', 'right')).to.equal('nobody');
    await stage.login('alice', 'right');
    expect(stage.checks.at(-1)?.hash).to.equal('new hash');
    stage.users.delete('alice');
    expect(await stage.login('alice', 'right')).to.equal(wrong);
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

describe('The queue of bcrypt', () => {
  const hash = '$2b$04$fIUM7F09HnEqPf1U5B89S.MwmJRaKp8cHWj5.T8c2ETMhBJvdTfPO';

  it('finds the right password, whichever letter stands behind $2', async () => {
    const queue = new BcryptQueue({ concurrency: 2, maxWaiting: 10 });
    for (const letter of ['a', 'b', 'y']) {
      const same = hash.replace('$2b', `$2${letter}`);
      expect(await queue.matches('x'.repeat(72), same)).to.equal(true);
      expect(await queue.matches('x'.repeat(71), same)).to.equal(false);
    }
  });

  it('lets so many wait, refuses the others with 429, and goes on afterwards', async () => {
    const queue = new BcryptQueue({ concurrency: 1, maxWaiting: 2 });
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => queue.matches('no', hash)));
    expect(asked.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const last = asked.at(-1);
    expect(last).to.have.property('reason').that.includes({ code: 'TOOMANYREQUESTS' });
    expect(await queue.matches('x'.repeat(72), hash)).to.equal(true);
  });
});
