import { createHmac } from 'node:crypto';

/** The header that says who has sent a body, and when. */
export const signatureHeader = 'entrepot-signature';

/**
 * `t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 with the shared secret over the seconds, a dot and the exact body. A
 * receiver compares in constant time, and refuses what is older than a few minutes: it may have been recorded.
 */
export function sign(secret: string, body: string, now: number): string {
  const seconds = Math.floor(now / 1000);
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${digest}`;
}
