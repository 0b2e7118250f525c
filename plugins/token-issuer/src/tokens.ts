import { randomUUID } from 'node:crypto';
import { errors, exportJWK, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import type { Identity } from '@entrepot/plugin-sdk';
import type { Grant } from './scope.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What a token of this registry says. */
export interface TokenContent {
  readonly identity: Identity;
  readonly grants: readonly Grant[];
}

/** What was read from a token of this registry. */
export interface ReadToken extends TokenContent {
  /** Whether its time has passed; nothing else is wrong with it. */
  readonly hasExpired: boolean;
}

export interface TokenTerms {
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

/** Seconds that the clocks of replicas may differ. */
const LEEWAY = 60;

/** Makes tokens, and reads those that it or another replica has made. */
export class Tokens {
  readonly #terms: TokenTerms;
  readonly #keys: SigningKeys;

  constructor(terms: TokenTerms, keys: SigningKeys) {
    this.#terms = terms;
    this.#keys = keys;
  }

  /** `now` in milliseconds since 1970. */
  sign({ identity, grants }: TokenContent, now: number): Promise<string> {
    const { issuer, audience, lifetimeSeconds } = this.#terms;
    const { kid, privateKey } = this.#keys.current;
    const seconds = Math.floor(now / 1000);
    return new SignJWT({ access: grants, identity })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(identity.subject)
      .setIssuedAt(seconds)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + lifetimeSeconds)
      .setJti(randomUUID())
      .sign(privateKey);
  }

  /** What a token says; undefined when it is none of this registry. @throws what the storage throws. */
  async read(token: string, now: number): Promise<ReadToken | undefined> {
    let failure: { readonly error: unknown } | undefined;
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid = '' }) => {
          try {
            const key = await this.#keys.find(kid);
            if (key !== undefined) return key.publicKey;
          } catch (error) {
            failure = { error };
          }
          throw new Error('no key of this registry has that name');
        },
        {
          issuer: this.#terms.issuer,
          audience: this.#terms.audience,
          algorithms: ['ES256'],
          requiredClaims: ['exp', 'identity', 'access'],
          clockTolerance: LEEWAY,
          currentDate: new Date(now),
        },
      );
      return contentOf(payload, { hasExpired: false });
    } catch (error) {
      if (failure !== undefined) throw failure.error;
      // The time is looked at last. In what other ways a token is wrong is all the same to who shows it.
      return error instanceof errors.JWTExpired ? contentOf(error.payload, { hasExpired: true }) : undefined;
    }
  }

  /** The public keys as a JSON Web Key Set (RFC 7517). */
  async keySet(): Promise<object> {
    const keys = this.#keys.published.map(async ({ kid, publicKey }) => {
      return { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' };
    });
    return { keys: await Promise.all(keys) };
  }
}

/** The signature says that {@link Tokens.sign} wrote it. */
function contentOf(
  { identity, access }: JWTPayload,
  { hasExpired }: Pick<ReadToken, 'hasExpired'>,
): ReadToken | undefined {
  return isIdentity(identity) && isGrants(access) ? { identity, grants: access, hasExpired } : undefined;
}

function isIdentity(value: unknown): value is Identity {
  return (
    typeof value === 'object' && value !== null && 'subject' in value && typeof value.subject === 'string'
  );
}

function isGrants(value: unknown): value is readonly Grant[] {
  return (
    Array.isArray(value) &&
    value.every((grant: unknown) => typeof grant === 'object' && grant !== null && 'actions' in grant)
  );
}
