import { expect } from 'chai';
import fc from 'fast-check';
import { issuerOf } from '@entrepot/plugin-sdk/tokens';
import { anyText } from '../any-text.ts';

const token = (payload: unknown): string =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;

describe('The issuer that a token names', () => {
  it('is what stands there, signed or not', () => {
    expect(issuerOf(token({ iss: 'https://issuer.example.com' }))).to.equal('https://issuer.example.com');
    expect(issuerOf(token({ iss: '' }))).to.equal('');
  });

  it('is none where there is no such token', () => {
    for (const text of [
      '',
      'password',
      '..',
      'a.b.c',
      `${token({ iss: 'x' })}.more`,
      token({ iss: 7 }),
      token({}),
      token(null),
      token([]),
      token({ iss: 'x', padding: 'x'.repeat(65_536) }),
    ])
      expect(issuerOf(text), text.slice(0, 80)).to.equal(undefined);
  });

  it('is looked for in any text without harm', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(issuerOf(`a.${Buffer.from(text).toString('base64url')}.c`)).to.satisfy(
          (found: unknown) => found === undefined || typeof found === 'string',
        );
        issuerOf(text);
      }),
    );
  });
});
