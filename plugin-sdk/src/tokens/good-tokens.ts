import { hash, type KeyObject } from 'node:crypto';
import { Recent } from '../access/recent.ts';
import type { KeyHint } from './key-ring.ts';
import { verifySignedToken, type Claims, type TokenTerms } from './signed-token.ts';

/** How long a token that was good is remembered, in milliseconds, of how many, and how many characters it may have. */
const REMEMBERED_FOR = 5 * 60_000;
const MOST = 1000;
const LONGEST = 16_384;

interface Good {
  readonly claims: Claims;
  /** What its header says of the key, and the key that has signed it. */
  readonly hint: KeyHint;
  readonly key: KeyObject;
  /** From when to when, in milliseconds since 1970, its times are right. */
  readonly from: number;
  readonly until: number;
}

/**
 * Verifies tokens, and the signature of each only once in a while: clients send the same one with every request. A
 * token that is remembered is good as long as its key is still the one that is trusted, and its time has not passed.
 */
export class GoodTokens {
  readonly #terms: TokenTerms;
  readonly #recent = new Recent<Good>(REMEMBERED_FOR, MOST, Date.now);

  constructor(terms: TokenTerms) {
    this.#terms = terms;
  }

  /** @throws as {@link verifySignedToken} */
  async verify(token: string, findKey: (hint: KeyHint) => Promise<KeyObject>, now: Date): Promise<Claims> {
    const name = token.length > LONGEST ? undefined : hash('sha256', token, 'base64');
    const good = name === undefined ? undefined : this.#recent.get(name);
    if (good !== undefined && good.from <= now.getTime() && now.getTime() < good.until) {
      const key = await findKey(good.hint);
      if (key === good.key || key.equals(good.key)) return good.claims;
    }
    let signed: Pick<Good, 'hint' | 'key'> | undefined;
    const find = async (hint: KeyHint): Promise<KeyObject> => {
      const key = await findKey(hint);
      signed = { hint, key };
      return key;
    };
    const claims = await verifySignedToken(token, this.#terms, find, now);
    if (name !== undefined && signed !== undefined && claims.exp !== undefined) {
      const until = (claims.exp + this.#terms.leewaySeconds) * 1000;
      this.#recent.set(name, { ...signed, claims, from: now.getTime(), until });
    }
    return claims;
  }
}
