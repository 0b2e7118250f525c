import { createHash, type Hash } from 'node:crypto';

/** Algorithms content can be stored and served under (OCI image-spec, "Registered Algorithms"). */
export type Algorithm = 'sha256' | 'sha512';

const HEX_LENGTH: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);
const HEX = /^[a-f0-9]+$/;

/** Whether `text` names one of the {@link Algorithm}s. */
export function isAlgorithm(text: string): text is Algorithm {
  return HEX_LENGTH.has(text);
}

/** Whether `text` is a digest this registry can hold content under: `sha256:<64 hex>` or `sha512:<128 hex>`. */
export function isDigest(text: string): boolean {
  const colon = text.indexOf(':');
  return HEX_LENGTH.get(text.slice(0, colon)) === text.length - colon - 1 && HEX.test(text.slice(colon + 1));
}

/** The two halves of a valid digest. */
export function splitDigest(digest: string): { readonly algorithm: Algorithm; readonly hex: string } {
  const colon = digest.indexOf(':');
  const algorithm = digest.slice(0, colon);
  if (!isAlgorithm(algorithm)) throw new TypeError(`not a digest: ${digest}`);
  return { algorithm, hex: digest.slice(colon + 1) };
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return finishDigest(createHash(algorithm).update(bytes), algorithm);
}

/** The digest of everything `hash` has been given. It cannot go on afterwards: pass a copy to continue. */
export function finishDigest(hash: Hash, algorithm: Algorithm): string {
  return `${algorithm}:${hash.digest('hex')}`;
}
