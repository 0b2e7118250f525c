import { createHash, type KeyObject } from 'node:crypto';
import type { TrustedKey } from '@entrepot/plugin-sdk/tokens';

/**
 * The key of a certificate under the two names that token servers use for it: the thumbprint of RFC 7638, and the one
 * of libtrust, which distribution had until 2.8 and docker_auth and others still sign with.
 */
export function keysNamedByContent(key: KeyObject): readonly TrustedKey[] {
  return [thumbprint(key), libtrustId(key)].map((kid) => ({ kid, alg: undefined, key }));
}

/** RFC 7638: SHA-256 over the required members in the order of their names, in base64url. */
export function thumbprint(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const members = ['crv', 'e', 'kty', 'n', 'x', 'y'].flatMap((name) =>
    jwk[name] === undefined ? [] : [[name, jwk[name]] as const],
  );
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url');
}

/** SHA-256 over the DER of the key, cut to 240 bits, in base32, four letters between colons. */
export function libtrustId(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
  const bits = [...hash.subarray(0, 30)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = (bits.match(/.{5}/g) ?? []).map((five) => BASE32.charAt(Number.parseInt(five, 2)));
  return (letters.join('').match(/.{4}/g) ?? []).join(':');
}
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
