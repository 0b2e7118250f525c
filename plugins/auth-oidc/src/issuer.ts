import { resolve } from 'node:path';
import type { Identity, Logger } from '@entrepot/plugin-sdk';
import { claimOf, WatchedFile } from '@entrepot/plugin-sdk/access';
import {
  KeyRing,
  parseKeySet,
  PublishedKeys,
  readPublished,
  TokenCheck,
  TokenInvalid,
  type Claims,
  type TrustedKey,
} from '@entrepot/plugin-sdk/tokens';
import { discoverKeys, requireSecure } from './discovery.ts';
import type { IssuerOptions, Options } from './options.ts';

const MAX_FILE_BYTES = 1024 ** 2;
const MAX_SUBJECT = 512;
/** More groups than rules are written about, fewer than would fill a log. */
const MAX_GROUPS = 500;

type Terms = Pick<Options, 'algorithms' | 'leewaySeconds' | 'cacheSeconds' | 'staleSeconds'>;

/** Somebody whose tokens are taken, with the keys that sign them. */
export class Issuer {
  readonly name: string;
  /** `iss` of its tokens. */
  readonly iss: string;
  readonly #options: IssuerOptions;
  readonly #terms: Terms;
  readonly #file: WatchedFile<readonly TrustedKey[]> | undefined;
  readonly #published: PublishedKeys | undefined;
  readonly #check: TokenCheck;

  /** @throws Error when its keys cannot be had safely. */
  constructor(options: IssuerOptions, terms: Terms, log: Logger) {
    const { name, issuer, audience, jwksFile, jwksUrl } = options;
    this.name = name;
    this.iss = issuer;
    this.#options = options;
    this.#terms = terms;
    if (jwksFile === undefined) {
      requireSecure(jwksUrl ?? issuer);
      this.#published = new PublishedKeys({
        url: jwksUrl ?? issuer,
        read: () => (jwksUrl === undefined ? discoverKeys(issuer) : readPublished(jwksUrl)),
        freshFor: terms.cacheSeconds * 1000,
        staleFor: terms.staleSeconds * 1000,
        log,
        now: () => performance.now(),
      });
    } else {
      const path = resolve(jwksFile);
      const what = `the file of the keys of ${name}`;
      this.#file = new WatchedFile({ path, what, maxBytes: MAX_FILE_BYTES, parse: parseKeySet, log });
    }
    const ring = new KeyRing({
      ...(this.#file === undefined ? {} : { file: this.#file }),
      ...(this.#published === undefined ? {} : { published: this.#published }),
    });
    const { algorithms, leewaySeconds } = terms;
    this.#check = new TokenCheck({
      terms: { issuers: [issuer], audience, algorithms, leewaySeconds },
      findKey: ({ alg, kid }, now) => ring.find({ alg, kid }, now),
      identityOf: (claims, now) => this.#identityOf(claims, now),
      log,
    });
  }

  /** Reads the keys. @throws Error when there is a file and it is broken; keys at a URL may come later. */
  async open(): Promise<void> {
    await Promise.all([this.#file?.open(), this.#published?.ask()]);
  }

  close(): void {
    this.#file?.close();
  }

  /**
   * Who shows this token. Its header chooses among the keys of the issuer by `kid`, and nothing else of it is read.
   * @throws RegistryError `UNAUTHORIZED` when the token is not good; `UNAVAILABLE` when that cannot be found out.
   */
  identify(token: string, requestId: string): Promise<Identity> {
    return this.#check.identify(token, requestId);
  }

  #identityOf(claims: Claims, now: Date): Identity {
    const { leewaySeconds } = this.#terms;
    if (typeof claims.iat === 'number' && claims.iat > now.getTime() / 1000 + leewaySeconds)
      throw new TokenInvalid('the token was issued in the future; look for clock skew');
    return { subject: `${this.name}:${this.#subjectOf(claims)}`, groups: this.#groupsOf(claims), claims };
  }

  #subjectOf(claims: Claims): string {
    const subject = claimOf(claims, this.#options.subject);
    if (typeof subject === 'string' && subject !== '' && subject.length <= MAX_SUBJECT) return subject;
    throw new TokenInvalid(`the claim ${this.#options.subject} of the token names nobody`);
  }

  /** All begin with the name of the issuer: no issuer can put somebody into a group of another, or of the directory. */
  #groupsOf(claims: Claims): readonly string[] {
    const claim = claimOf(claims, this.#options.groups);
    const groups: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
    if (groups.length > MAX_GROUPS) throw new TokenInvalid(`the token has more than ${MAX_GROUPS} groups`);
    const named = groups.filter((group) => typeof group === 'string');
    return named.map((group) => `${this.name}:${group}`);
  }
}
