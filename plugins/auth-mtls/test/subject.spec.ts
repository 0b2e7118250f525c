import { expect } from 'chai';
import type { ClientCertificate } from '@entrepot/plugin-sdk';
import { nameIn, unitsIn } from '../src/subject.ts';

const certificate = (names: Partial<ClientCertificate>): ClientCertificate => ({
  commonNames: [],
  organizationalUnits: [],
  emails: [],
  dnsNames: [],
  uris: [],
  fingerprint: 'ab'.repeat(32),
  ...names,
});

describe('The name in a certificate', () => {
  it('is the one of the kind that is asked for', () => {
    const full = certificate({
      commonNames: ['alice'],
      emails: ['alice@example.com'],
      dnsNames: ['ci.example.com'],
      uris: ['spiffe://example.com/ci'],
    });
    expect(nameIn(full, 'commonName')).to.equal('alice');
    expect(nameIn(full, 'email')).to.equal('alice@example.com');
    expect(nameIn(full, 'dnsName')).to.equal('ci.example.com');
    expect(nameIn(full, 'uri')).to.equal('spiffe://example.com/ci');
  });

  it('is none when there are none or several', () => {
    expect(nameIn(certificate({}), 'commonName')).to.equal(undefined);
    expect(nameIn(certificate({ commonNames: ['alice', 'admin'] }), 'commonName')).to.equal(undefined);
  });

  it('is none when it could not stand in a log or a rule', () => {
    for (const name of ['', ' alice', 'alice\0', 'a\nb', 'x'.repeat(256), 'a\u202eb']) {
      expect(nameIn(certificate({ commonNames: [name] }), 'commonName'), JSON.stringify(name)).to.equal(
        undefined,
      );
    }
  });

  it('has beside it the units that could be groups', () => {
    expect(unitsIn(certificate({ organizationalUnits: ['ops', '', 'dev\n'] }))).to.deep.equal(['ops']);
  });
});
