/** Pieces for plugins that check the signed tokens of others (JWT, RFC 7519). */
export { issuerOf } from './issuer-of.ts';
export { KeyRing } from './key-ring.ts';
export type { CertifiedKeys, KeyHint, KeySources } from './key-ring.ts';
export { parseKeySet } from './key-set.ts';
export type { TrustedKey } from './key-set.ts';
export { signatureAlgorithms, tokenOptions } from './options.ts';
export { PublishedKeys } from './published-keys.ts';
export type { PublishedKeysOptions } from './published-keys.ts';
export { readPublished } from './published-text.ts';
export { TokenInvalid } from './signed-token.ts';
export type { Claims, TokenTerms } from './signed-token.ts';
export { TokenCheck } from './token-check.ts';
export type { TokenCheckParts } from './token-check.ts';
