import type { KeyObject } from 'node:crypto';
import { BearerRefusals } from '../access/bearer-refusals.ts';
import type { Identity } from '../auth.ts';
import { isRegistryError } from '../errors.ts';
import type { Logger } from '../plugin.ts';
import { GoodTokens } from './good-tokens.ts';
import { issuerOf } from './issuer-of.ts';
import type { KeyHint } from './key-ring.ts';
import { TokenInvalid, type Claims, type TokenTerms } from './signed-token.ts';

export interface TokenCheckParts {
  readonly terms: TokenTerms;
  /** @throws Error when no such key is trusted; RegistryError `UNAVAILABLE` when that cannot be found out. */
  readonly findKey: (hint: KeyHint, now: Date) => Promise<KeyObject>;
  /** Of whom the claims speak. @throws Error with what is wrong with them. */
  readonly identityOf: (claims: Claims, now: Date) => Identity;
  readonly log: Logger;
}

/** Says whose token it is, or what is wrong with it: to the client, and to the log. */
export class TokenCheck {
  readonly #parts: TokenCheckParts;
  readonly #tokens: GoodTokens;
  readonly #refusals = new BearerRefusals();

  constructor(parts: TokenCheckParts) {
    this.#parts = parts;
    this.#tokens = new GoodTokens(parts.terms);
  }

  /** @throws RegistryError `UNAUTHORIZED` when the token is not good; `UNAVAILABLE` when that cannot be found out. */
  async identify(token: string, requestId: string): Promise<Identity> {
    const { findKey, identityOf, log } = this.#parts;
    const now = new Date();
    let expired: Identity | undefined;
    try {
      const claims = await this.#tokens
        .verify(token, (hint) => findKey(hint, now), now)
        .catch((error: unknown) => {
          if (error instanceof TokenInvalid && error.expired !== undefined)
            expired = identityOf(error.expired, now);
          throw error;
        });
      return identityOf(claims, now);
    } catch (error) {
      if (isRegistryError(error)) throw error;
      const reason = error instanceof Error ? error.message : 'the token cannot be read';
      log.info({ reqId: requestId, issuer: issuerOf(token)?.slice(0, 255), reason }, 'a token was refused');
      throw expired === undefined
        ? this.#refusals.refuse('invalid_token', reason, error)
        : this.#refusals.refuseExpired(expired, reason, error);
    }
  }
}
