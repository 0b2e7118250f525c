import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { KeyHint } from './key-ring.ts';

/** What a token has to be, besides signed with a trusted key. */
export interface TokenTerms {
  readonly issuers: readonly string[];
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly leewaySeconds: number;
}

export type Claims = Readonly<JWTPayload>;

/** What is wrong with a token, for the client to read. */
export class TokenInvalid extends Error {
  override readonly name = 'TokenInvalid';
  /** What it says, when nothing else is wrong with it than that its time has passed. */
  readonly expired: Claims | undefined;

  constructor(
    message: string,
    { cause, expired }: { readonly cause?: unknown; readonly expired?: Claims } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.expired = expired;
  }
}

/** More characters than any header holds. */
export const MAX_TOKEN_LENGTH = 65_536;

/**
 * The claims of a compact JWS whose signature, issuer, audience and times are right.
 * @throws TokenInvalid with what is wrong; whatever `findKey` throws.
 */
export async function verifySignedToken(
  token: string,
  { issuers, audience, algorithms, leewaySeconds }: TokenTerms,
  findKey: (hint: KeyHint) => Promise<KeyObject>,
  now: Date,
): Promise<Claims> {
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenInvalid('the token is too long');
  let lookup: { readonly failure: unknown } | undefined;
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ alg, kid, x5c }) => {
        try {
          return await findKey({ alg, kid, x5c });
        } catch (error) {
          lookup = { failure: error };
          throw error;
        }
      },
      {
        issuer: [...issuers],
        audience,
        algorithms: [...algorithms],
        clockTolerance: leewaySeconds,
        currentDate: now,
        requiredClaims: ['exp'],
      },
    );
    return payload;
  } catch (error) {
    if (lookup !== undefined) throw lookup.failure;
    throw new TokenInvalid(reasonFor(error, Math.floor(now.getTime() / 1000)), {
      cause: error,
      // The time is looked at last, when everything else has been found right.
      ...(error instanceof errors.JWTExpired ? { expired: error.payload } : {}),
    });
  }
}

/** Seconds are said, as clocks that differ are the usual cause. */
function reasonFor(error: unknown, now: number): string {
  if (error instanceof errors.JWTExpired) return `the token has expired${skew(now, error.payload.exp)}`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return `the token is not valid yet${skew(error.payload.nbf, now)}`;
    return `the claim ${error.claim} of the token is not what this registry takes`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature of the token is wrong';
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'the token is signed with an algorithm that is not taken';
  return 'the token cannot be read';
}

function skew(later: number | undefined, earlier: number | undefined): string {
  if (typeof later !== 'number' || typeof earlier !== 'number') return '';
  return `, by ${Math.round(later - earlier)} s; when it is new, look for clock skew of ${Math.round(later - earlier)} s`;
}
