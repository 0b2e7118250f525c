/** Signatures by a private key alone: who can check a token must not be able to make one. */
export const signatureAlgorithms: readonly string[] = [
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
];

const seconds = { type: 'integer', minimum: 0 } as const;

/** Members of a schema, for plugins that check tokens by keys of others. */
export const tokenOptions = {
  algorithms: {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'string', enum: signatureAlgorithms },
    default: signatureAlgorithms,
    description: 'The signature algorithms that are taken. None of them works with a shared secret.',
  },
  leewaySeconds: {
    ...seconds,
    maximum: 3600,
    default: 60,
    description: 'Seconds that the clock of who issues tokens may differ from the one here.',
  },
  cacheSeconds: {
    ...seconds,
    minimum: 10,
    maximum: 86_400,
    default: 600,
    description: 'Seconds after which keys that are published at a URL are asked for again.',
  },
  staleSeconds: {
    ...seconds,
    minimum: 10,
    maximum: 2_592_000,
    default: 86_400,
    description: 'Seconds for which known keys serve on while their URL cannot be read.',
  },
} as const;
