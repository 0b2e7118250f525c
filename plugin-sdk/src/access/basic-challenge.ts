const BASIC = /^basic\b/i;

/**
 * The challenges, with one that asks for a name and a password (RFC 7617). One is enough, however many plugins check
 * passwords: clients show the user what the first says.
 */
export function withBasicChallenge(challenges: readonly string[], realm: string): readonly string[] {
  if (challenges.some((challenge) => BASIC.test(challenge))) return challenges;
  return [...challenges, `Basic realm="${realm}", charset="UTF-8"`];
}

/** The member of a schema for the name in that challenge. */
export const realmOption = {
  type: 'string',
  pattern: '^[\\x20-\\x7e]*$',
  default: 'registry',
  description: 'What the challenge calls the registry. ASCII, without quotes and backslashes.',
  not: { type: 'string', pattern: '["\\\\]' },
} as const;
