import { randomUUID } from 'node:crypto';
import { exportJWK, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import type { Identity } from '@entrepot/plugin-sdk';
import type { Grant } from './scope.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What a token of this registry says. */
export interface TokenContent {
  readonly identity: Identity;
  readonly grants: readonly Grant[];
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

  /** What a token says; undefined when it is none of this registry, or good no more. @throws what the storage throws. */
  async read(token: string, now: number): Promise<TokenContent | undefined> {
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
      return contentOf(payload);
    } catch {
      // jose says what is wrong with a token in many ways; to who shows it they are all the same.
      if (failure !== undefined) throw failure.error;
      return undefined;
    }
  }

  /** The public keys as a JSON Web Key Set (RFC 7517). */
  async keySet(): Promise<object> {
    const keys = this.#keys.all.map(async ({ kid, publicKey }) => {
      return { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' };
    });
    return { keys: await Promise.all(keys) };
  }
}

/** The signature says that {@link Tokens.sign} wrote it. */
function contentOf(payload: JWTPayload): TokenContent | undefined {
  const { identity, access } = payload;
  return isIdentity(identity) && isGrants(access) ? { identity, grants: access } : undefined;
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
