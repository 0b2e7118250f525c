import { MAX_TOKEN_LENGTH } from './signed-token.ts';

/**
 * Who says to have issued a token (`iss`); undefined when it is no compact JWS with JSON in it. Nothing is verified: it
 * tells whose matter a token is, and not whether it is good.
 */
export function issuerOf(token: string): string | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [, payload = '', , ...others] = token.split('.');
  if (payload === '' || others.length > 0) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('iss' in claims)) return undefined;
    return typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
