import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** A public key that may sign tokens. */
export interface TrustedKey {
  readonly kid: string | undefined;
  /** The only algorithm it is for, when its owner has said so. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

/** More keys than a token server has. */
const MAX_KEYS = 200;

/**
 * The public keys of a JWKS (RFC 7517). Symmetric keys, keys for encryption and kinds that are not known are left out: a
 * key set is published, so a secret in it is none.
 * @throws Error when the text is no key set, or none of its keys can verify a signature.
 */
export function parseKeySet(text: string): readonly TrustedKey[] {
  const parsed: unknown = JSON.parse(text);
  const keys: unknown =
    typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
  if (!Array.isArray(keys)) throw new Error("it is no JSON Web Key Set: there is no list 'keys'");
  if (keys.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} keys`);
  const entries: readonly unknown[] = keys;
  const trusted = entries.flatMap((entry) => trustedKey(entry) ?? []);
  if (trusted.length === 0) throw new Error('none of its keys is a public key for signatures');
  return trusted;
}

function trustedKey(entry: unknown): TrustedKey | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const jwk: JsonWebKey = { ...entry };
  if (jwk.kty === 'oct' || (jwk['use'] !== undefined && jwk['use'] !== 'sig')) return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const [kid, alg] = [jwk['kid'], jwk['alg']];
    return {
      kid: typeof kid === 'string' ? kid : undefined,
      alg: typeof alg === 'string' ? alg : undefined,
      key,
    };
  } catch {
    // A kind of key this version does not know is left out, as RFC 7517 section 5 asks for.
    return undefined;
  }
}
