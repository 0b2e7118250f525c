import { expect } from 'chai';
import { parseUserList } from '../src/user-list.ts';

const hash = `$2b$10$${'a'.repeat(53)}`;

describe('An htpasswd file', () => {
  it('has a name and a bcrypt hash on each line; comments and empty lines do not count', () => {
    const text = `# our users\r\n\r\nalice:${hash}\r\nbob:${hash.replace('$2b', '$2y')}\n\ncarol:${hash.replace('$2b', '$2a')}`;
    expect([...parseUserList(text)]).to.deep.equal([
      ['alice', hash],
      ['bob', hash.replace('$2b', '$2y')],
      ['carol', hash.replace('$2b', '$2a')],
    ]);
    expect(parseUserList('')).to.have.property('size', 0);
    expect([...parseUserList(`\uFEFFalice:${hash}`).keys()]).to.deep.equal(['alice']);
  });

  const refused: readonly [what: string, line: string, reason: string][] = [
    ['Apache MD5', 'bob:$apr1$abcdefgh$0123456789012345678901', 'Apache MD5'],
    ['SHA-1', 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'SHA-1'],
    ['SHA-512 crypt', 'bob:$6$salt$hash', 'crypt ($6$)'],
    ['plain text', 'bob:secret-of-bob', 'plain text'],
    ['a hash cut short', `bob:${hash.slice(0, -1)}`, 'damaged'],
    ['the broken $2x$', `bob:${hash.replace('$2b', '$2x')}`, 'damaged'],
    ['a cost nobody can wait for', `bob:${hash.replace('$10$', '$15$')}`, '4 to 14'],
    ['a cost that is none', `bob:${hash.replace('$10$', '$03$')}`, '4 to 14'],
    ['no colon', 'bob', "not 'name:hash'"],
    ['no name', `:${hash}`, "not 'name:hash'"],
    ['a name twice', `alice:${hash}`, 'earlier line'],
  ];
  for (const [what, line, reason] of refused) {
    it(`is refused for ${what}, with the number of the line and without what stands there`, () => {
      expect(() => parseUserList(`alice:${hash}\n${line}\n`))
        .to.throw(Error)
        .with.property('message')
        .that.includes('line 2: ')
        .and.includes(reason)
        .and.does.not.include('secret-of-bob')
        .and.does.not.include('W6ph5Mm5Pz8GgiULbPgzG37mj9g');
    });
  }

  it('says what to do about hashes it does not take, and names every such line', () => {
    expect(() => parseUserList('a:{SHA}x\nb:{SHA}x\n')).to.throw(/line 1: .*registry htpasswd add.*line 2: /);
  });
});
