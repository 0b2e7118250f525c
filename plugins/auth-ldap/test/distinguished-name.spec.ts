import { expect } from 'chai';
import { DistinguishedName } from '../src/distinguished-name.ts';

const base = new DistinguishedName('ou=groups,dc=example,dc=com');
const isBelow = (name: string): boolean => new DistinguishedName(name).isBelow(base);

describe('A distinguished name', () => {
  it('is below another whose parts it ends with, whatever the case and the spaces', () => {
    for (const name of [
      'cn=dev,ou=groups,dc=example,dc=com',
      'CN=dev, OU=Groups, DC=Example, DC=Com',
      'cn=dev,ou=team,ou=groups,dc=example,dc=com',
      'cn=a\\,b,ou=groups,dc=example,dc=com',
    ])
      expect(isBelow(name), name).to.equal(true);
  });

  it('is not below another by a part that merely looks so', () => {
    for (const name of [
      'ou=groups,dc=example,dc=com',
      'cn=dev,ou=other,dc=example,dc=com',
      'cn=dev\\,ou=groups\\,dc=example\\,dc=com,ou=other,dc=example,dc=com',
      'cn=dev\\,ou=groups,dc=example,dc=com,dc=org',
      'cn=x ou=groups,dc=example,dc=com',
      'dc=com',
      '',
    ])
      expect(isBelow(name), name).to.equal(false);
  });

  it('has the value of its first part, without escapes', () => {
    expect(new DistinguishedName('cn=dev,ou=groups').leaf).to.equal('dev');
    expect(new DistinguishedName('cn=Research\\, Development,ou=groups').leaf).to.equal(
      'Research, Development',
    );
    expect(new DistinguishedName('CN=Zo\\C3\\AB\\2B,ou=groups').leaf).to.equal('Zoë+');
  });
});
