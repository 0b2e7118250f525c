import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { libtrustId, parseKeySet, thumbprint } from '../src/trusted-key.ts';

const leaf = new X509Certificate(readFileSync(new URL('certificates/leaf.pem', import.meta.url)));
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

describe('A trusted key', () => {
  for (const [kind, { publicKey }] of [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ] as const) {
    it(`of the kind ${kind} has the thumbprint of RFC 7638`, async () => {
      expect(thumbprint(publicKey)).to.equal(await calculateJwkThumbprint(await exportJWK(publicKey)));
    });
  }

  it('has the name that libtrust gave it', () => {
    const name = 'C74L:TXMB:S3KB:DAXB:O63R:OGJW:SDN3:SYZD:6DDP:CC2R:MIB2:TI4T';
    expect(libtrustId(leaf.publicKey)).to.equal(name);
  });
});

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
