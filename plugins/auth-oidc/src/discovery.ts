import { readPublished } from '@entrepot/plugin-sdk/tokens';

/** Nobody on the way may put keys of their own in: plain HTTP is for this machine alone. */
const SECURE = /^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?:[:/]|$))/;

/** @throws Error when it is no URL that keys may come from. */
export function requireSecure(url: string): void {
  if (!SECURE.test(url) || !URL.canParse(url))
    throw new Error(`${url} is to be an https:// URL; http:// is for the loopback address`);
}

/**
 * The key set of an issuer, from where its configuration says (OpenID Connect Discovery 1.0, section 4).
 * @throws Error with what is missing or wrong.
 */
export async function discoverKeys(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document: unknown = JSON.parse(await readPublished(url));
  if (typeof document !== 'object' || document === null || !('issuer' in document && 'jwks_uri' in document))
    throw new Error(`${url} does not say issuer and jwks_uri`);
  // Section 4.3: the two have to be the same, or one issuer could speak for another.
  if (document.issuer !== issuer) throw new Error(`${url} is about another issuer`);
  const keys = document.jwks_uri;
  if (typeof keys !== 'string') throw new Error(`jwks_uri of ${url} is no text`);
  requireSecure(keys);
  return readPublished(keys);
}
