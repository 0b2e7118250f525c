import { expect } from 'chai';
import fc from 'fast-check';
import { parseAuthorization } from '@entrepot/plugin-sdk/access';
import { anyText } from '../any-text.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('parseAuthorization', () => {
  it('reads a name and a password, which may have colons and any characters', () => {
    const username = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes(':'));
    fc.assert(
      fc.property(username, fc.string({ unit: 'grapheme' }), (user, password) => {
        fc.pre(user !== '' || password !== '');
        const header = `Basic ${base64(`${user}:${password}`)}`;
        expect(parseAuthorization(header)).to.deep.equal({ basic: { username: user, password } });
      }),
    );
  });

  it('reads a token as it stands', () => {
    for (const header of ['Bearer a.b.c', 'bearer a.b.c', 'BEARER   a.b.c  ']) {
      expect(parseAuthorization(header)).to.deep.equal({ bearer: 'a.b.c' });
    }
  });

  it('takes neither name nor password for no credentials', () => {
    expect(parseAuthorization(`Basic ${base64(':')}`)).to.deep.equal({});
    expect(parseAuthorization(`Basic ${base64('::')}`)).to.deep.equal({
      basic: { username: '', password: ':' },
    });
  });

  it('finds nothing in what it cannot read', () => {
    for (const header of [
      undefined,
      '',
      ' ',
      'Basic',
      'Basic ',
      'Bearer',
      'Bearer ',
      `Basic ${base64('no colon')}`,
      'Basic !',
      'Digest username="a"',
      'Negotiate abc',
      ` Basic ${base64('a:b')}`,
    ]) {
      expect(parseAuthorization(header), header).to.deep.equal({});
    }
  });

  it('gives credentials of one kind or of none, whatever the header is', () => {
    fc.assert(
      fc.property(anyText(), fc.constantFrom('Basic ', 'Bearer ', ''), (text, scheme) => {
        expect(Object.keys(parseAuthorization(scheme + text)).length).to.be.at.most(1);
      }),
    );
  });
});
