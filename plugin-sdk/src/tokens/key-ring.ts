import type { KeyObject } from 'node:crypto';
import type { TrustedKey } from './key-set.ts';

/** The parts of a token's protected header that say which key has signed it. Whatever else stands there is not read. */
export interface KeyHint {
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
  readonly x5c?: unknown;
}

/** Certificates that are trusted, and what they certify. */
export interface CertifiedKeys {
  readonly keys: readonly TrustedKey[];
  /** The key of the leaf of a chain (`x5c`) that ends at one of them. @throws Error with what is wrong. */
  leafKey(chain: unknown, now: Date): KeyObject;
}

export interface KeySources {
  /** The keys of a file, as it is now. */
  readonly file?: { readonly content: readonly TrustedKey[] | undefined };
  readonly certificates?: { readonly content: CertifiedKeys | undefined };
  readonly published?: { find(kid: string | undefined): Promise<readonly TrustedKey[]> };
}

/** All keys that may sign tokens. A token chooses among them and cannot bring its own. */
export class KeyRing {
  readonly #sources: KeySources;

  constructor(sources: KeySources) {
    this.#sources = sources;
  }

  /**
   * The key a token claims to be signed with.
   * @throws Error when there is none, or several and the token does not name it;
   * RegistryError `UNAVAILABLE` when it cannot be found out.
   */
  async find({ alg, kid, x5c }: KeyHint, now: Date): Promise<KeyObject> {
    const { file, certificates, published } = this.#sources;
    if (x5c !== undefined) {
      if (certificates?.content === undefined)
        throw new Error('no certificates are trusted here, x5c is of no use');
      return certificates.content.leafKey(x5c, now);
    }
    if (kid !== undefined && typeof kid !== 'string') throw new Error('kid is no text');
    const near = [...(file?.content ?? []), ...(certificates?.content?.keys ?? [])];
    const candidates = (keys: readonly TrustedKey[]): readonly TrustedKey[] =>
      keys.filter((key) => (kid === undefined || key.kid === kid) && (key.alg ?? alg) === alg);
    const local = candidates(near);
    const found = local.length > 0 || published === undefined ? local : candidates(await published.find(kid));
    const [first, ...others] = found;
    if (first === undefined) throw new Error('it is signed with a key that is not trusted here');
    if (others.some(({ key }) => !key.equals(first.key)))
      throw new Error('several keys may have signed it; the token has to name one (kid)');
    return first.key;
  }
}
