/** What a plugin that checks passwords remembers, and how often somebody may guess. */
export interface LoginLimits {
  readonly cacheSeconds: number;
  readonly guessesPerAccount: number;
  readonly guessesPerAddress: number;
  readonly guessWindowSeconds: number;
}

const count = { type: 'integer', minimum: 0, maximum: 1_000_000 } as const;

/** The members of a schema for {@link LoginLimits}. */
export const loginOptions = {
  cacheSeconds: {
    ...count,
    maximum: 3600,
    default: 60,
    description:
      'How long a password that was checked is known without another check. 0 checks each request.',
  },
  guessesPerAccount: {
    ...count,
    default: 10,
    description:
      'Wrong passwords for one name from one address until that address gets 429 for it. 0 is no limit.',
  },
  guessesPerAddress: {
    ...count,
    default: 100,
    description:
      'Wrong passwords from one address, whatever the name, until it gets 429. 0 is no limit: for a registry behind a proxy that is not in `http.trustedProxies`, so that all have its address.',
  },
  guessWindowSeconds: {
    ...count,
    minimum: 1,
    default: 900,
    description: 'Seconds after the first wrong password until all are forgotten.',
  },
} as const;
