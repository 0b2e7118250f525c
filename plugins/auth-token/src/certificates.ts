import { X509Certificate, type KeyObject } from 'node:crypto';
import type { TrustedKey } from '@entrepot/plugin-sdk/tokens';
import { keysNamedByContent } from './key-names.ts';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** A leaf, a few authorities between, and the root. */
const MAX_CHAIN = 6;

/** The certificates an operator trusts: each of them may sign tokens, or certify a chain that does (`x5c`). */
export class Certificates {
  readonly keys: readonly TrustedKey[];
  readonly #roots: readonly X509Certificate[];

  /** @throws Error when `pem` has no certificate, or a broken one. */
  constructor(pem: string) {
    const blocks = pem.match(PEM) ?? [];
    if (blocks.length === 0) throw new Error('it has no PEM certificate');
    this.#roots = blocks.map((block) => new X509Certificate(block));
    this.keys = this.#roots.flatMap(({ publicKey }) => keysNamedByContent(publicKey));
  }

  /**
   * The key of the leaf, when the chain of base64 DER, each certified by the next (RFC 7515 section 4.1.6), ends at a
   * trusted certificate and all of it is valid at `now`. @throws Error with what is wrong.
   */
  leafKey(chain: unknown, now: Date): KeyObject {
    if (!Array.isArray(chain) || chain.length === 0 || chain.length > MAX_CHAIN)
      throw new Error(`x5c is to be a list of 1 to ${MAX_CHAIN} certificates`);
    const entries: readonly unknown[] = chain;
    const certificates = entries.map((entry) => {
      if (typeof entry !== 'string') throw new Error('a certificate of x5c is no text');
      return parse(Buffer.from(entry, 'base64'));
    });
    const [leaf] = certificates;
    if (leaf === undefined) throw new Error('x5c is empty');
    for (const [place, certificate] of certificates.entries()) {
      if (!isValidAt(certificate, now)) throw new Error('a certificate of x5c is not valid now');
      if (this.#isTrusted(certificate, now)) return leaf.publicKey;
      const next = certificates[place + 1];
      if (next === undefined || !issued(next, certificate)) break;
    }
    throw new Error('x5c does not end at a certificate that is trusted here');
  }

  #isTrusted(certificate: X509Certificate, now: Date): boolean {
    return this.#roots.some(
      (root) => isValidAt(root, now) && (root.raw.equals(certificate.raw) || issued(root, certificate)),
    );
  }
}

function parse(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw new Error('a certificate of x5c cannot be read', { cause: error });
  }
}

function issued(authority: X509Certificate, certificate: X509Certificate): boolean {
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);
}
