import type { ClientCertificate } from '@entrepot/plugin-sdk';

/** The part of a certificate that is a name. */
export type NameSource = 'commonName' | 'email' | 'dnsName' | 'uri';

const MAX_NAME = 255;

/**
 * The name that a certificate gives its owner. Undefined when it has none, when it has several, of which one would have to
 * be guessed, and when it is none that could stand in a log or a rule.
 */
export function nameIn(certificate: ClientCertificate, source: NameSource): string | undefined {
  const [name, ...others] = namesIn(certificate, source);
  if (name === undefined || others.length > 0) return undefined;
  return isName(name) ? name : undefined;
}

/** Groups: the organizational units that are names. */
export function unitsIn({ organizationalUnits }: ClientCertificate): readonly string[] {
  return organizationalUnits.filter(isName);
}

function namesIn(certificate: ClientCertificate, source: NameSource): readonly string[] {
  switch (source) {
    case 'commonName':
      return certificate.commonNames;
    case 'email':
      return certificate.emails;
    case 'dnsName':
      return certificate.dnsNames;
    case 'uri':
      return certificate.uris;
  }
}

function isName(name: string): boolean {
  return name !== '' && name.trim() === name && name.length <= MAX_NAME && !/\p{C}/u.test(name);
}
