import { expect } from 'chai';
import { BcryptQueue } from '../src/bcrypt.ts';
import { PasswordHashes } from '../src/password-hashes.ts';

interface Look {
  readonly password: string;
  readonly hash: string;
}

/** Hashes of two users, over a bcrypt that finds `right` in every hash and keeps a list of what it was asked. */
function stage(): { users: Map<string, string>; looks: Look[]; hashes: PasswordHashes } {
  const users = new Map([
    ['alice', 'hash of alice'],
    ['bob', 'hash of bob'],
  ]);
  const looks: Look[] = [];
  const hashes = new PasswordHashes({
    file: {
      get content() {
        return { users, hashes: [...users.values()] };
      },
    },
    bcrypt: {
      matches: async (password, hash) => {
        looks.push({ password, hash });
        return password === 'right';
      },
    },
  });
  return { users, looks, hashes };
}

describe('The passwords of a file', () => {
  it('tell who it is by the hash of the name alone', async () => {
    const { hashes, looks } = stage();
    expect(await hashes.identify({ username: 'alice', password: 'right' })).to.deep.equal({
      subject: 'alice',
    });
    expect(await hashes.identify({ username: 'alice', password: 'guess' })).to.equal(undefined);
    expect(await hashes.identify({ username: 'nobody', password: 'right' })).to.equal(undefined);
    expect(looks.slice(0, 2)).to.deep.equal([
      { password: 'right', hash: 'hash of alice' },
      { password: 'guess', hash: 'hash of alice' },
    ]);
  });

  it('look for names that do not exist in the hash of somebody, always the same', async () => {
    const { hashes, looks, users } = stage();
    for (const username of ['x', 'y', 'z'])
      for (const password of ['1', '2']) await hashes.identify({ username, password });
    expect(looks).to.have.lengthOf(6);
    for (const [index, { hash }] of looks.entries()) {
      expect([...users.values()]).to.include(hash);
      if (index % 2 === 1) expect(hash).to.equal(looks[index - 1]?.hash);
    }
    users.clear();
    await hashes.identify({ username: 'x', password: '3' });
    expect(looks.at(-1)?.hash).to.match(/^\$2b\$10\$/);
  });

  it('look as long for names and passwords that cannot be, and never let them in', async () => {
    const { hashes, looks, users } = stage();
    users.set('a'.repeat(256), 'hash');
    for (const [username, password] of [
      ['a'.repeat(256), 'right'],
      ['alice', 'right\0right'],
      ['ali\nce', 'right'],
      ['', 'right'],
    ] as const)
      expect(await hashes.identify({ username, password })).to.equal(undefined);
    expect(looks).to.have.lengthOf(4);
  });

  it('are another version once the hash is another', () => {
    const { hashes, users } = stage();
    const before = hashes.versionOf('alice');
    users.set('alice', 'new hash');
    expect(hashes.versionOf('alice')).to.not.equal(before);
    expect([hashes.has('alice'), hashes.has('nobody')]).to.deep.equal([true, false]);
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
