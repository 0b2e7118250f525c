import { expect } from 'chai';
import { filledIn, filterValue, nameValue } from '../src/escaping.ts';

describe('A text in a filter', () => {
  it('has no character with a meaning of its own', () => {
    expect(filterValue('*)(uid=*))(|(uid=*')).to.equal('\\2a\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a');
    expect(filterValue('a\\b\0c')).to.equal('a\\5cb\\00c');
    expect(filterValue('Zoë O’Neil')).to.equal('Zoë O’Neil');
  });
});

describe('A text in a name', () => {
  it('begins no part of its own, and ends none', () => {
    expect(nameValue('alice,ou=admins')).to.equal('alice\\2cou\\3dadmins');
    expect(nameValue(' #a+b"<c>;d\\ ')).to.equal('\\20\\23a\\2bb\\22\\3cc\\3e\\3bd\\5c\\20');
    expect(nameValue('Zoë')).to.equal('Zoë');
  });
});

describe('A pattern', () => {
  it('is filled in once: what was put in is no pattern', () => {
    const values = { user: '{dn}$&', dn: '(x)' };
    expect(filledIn('(|(uid={user})(member={dn})(x={other}))', values, filterValue)).to.equal(
      '(|(uid={dn}$&)(member=\\28x\\29)(x={other}))',
    );
  });
});
