import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { parseKeySet } from '@entrepot/plugin-sdk/tokens';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

describe('A key set', () => {
  const names = (...keys: readonly object[]): readonly unknown[] =>
    parseKeySet(JSON.stringify({ keys })).map(({ kid }) => kid);

  it('is read without secrets, keys for encryption, and kinds that are not known', () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' };
    const forEncryption = { ...ec, kid: 'encryption', use: 'enc' };
    const odd = [
      { kty: 'lattice', kid: 'odd' },
      { ...ec, x: '!', kid: 'broken' },
    ];
    expect(names(secret, forEncryption, ...odd, { ...ec, kid: 'mine', use: 'sig' }, ec)).to.deep.equal([
      'mine',
      undefined,
    ]);
  });

  it('keeps nothing of a private key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [key] = parseKeySet(JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }));
    expect(key?.key.type).to.equal('public');
    expect(key?.key.equals(createPublicKey(privateKey))).to.equal(true);
  });

  for (const [what, text] of [
    ['no JSON', 'keys'],
    ['no list', '{"keys":{}}'],
    ['null', 'null'],
    ['no key', '{"keys":[]}'],
    ['nothing but a secret', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'],
    ['null for a key', '{"keys":[null]}'],
  ] as const) {
    it(`is refused when it is ${what}`, () => {
      expect(() => parseKeySet(text)).to.throw();
    });
  }
});
