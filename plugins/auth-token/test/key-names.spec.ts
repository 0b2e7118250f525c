import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { libtrustId, thumbprint } from '../src/key-names.ts';

const leaf = new X509Certificate(readFileSync(new URL('certificates/leaf.pem', import.meta.url)));

describe('The key of a certificate', () => {
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
