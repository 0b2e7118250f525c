import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { SigningKey, SigningKeys } from './signing-keys.ts';

/** What somebody has logged in with. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface RefreshTerms {
  readonly issuer: string;
  readonly service: string;
  /** Milliseconds for which a refresh token is good. */
  readonly lifetime: number;
}

const CIPHER = 'aes-256-gcm';
const NONCE = 12;
const TAG = 16;
/** Longer passwords are tokens themselves, and no client keeps those. */
const MAX_PASSWORD = 1024;
const MAX_NAME = 255;
/** What is sealed is as long as a multiple of it, so that the length of a token tells little of that of a password. */
const BLOCK = 128;

/**
 * Makes refresh tokens, and opens those that it or another replica has made. One is the login itself, sealed (AES-256-GCM)
 * under a key that is derived from a signing key: nothing is stored, and each exchange asks the plugins anew whether the
 * login is good and what it may do. Whoever holds a token can use it here, and read nothing in it.
 */
export class RefreshTokens {
  readonly #terms: RefreshTerms;
  readonly #keys: SigningKeys;

  constructor(terms: RefreshTerms, keys: SigningKeys) {
    this.#terms = terms;
    this.#keys = keys;
  }

  /** `now` in milliseconds since 1970. undefined for a login that is too long to be kept by clients. */
  seal({ username, password }: Login, now: number): string | undefined {
    if (username.length > MAX_NAME || password.length > MAX_PASSWORD) return undefined;
    const key = this.#keys.current;
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(CIPHER, secretOf(key), nonce).setAAD(this.#context(key));
    const text = Buffer.from(JSON.stringify({ username, password, until: now + this.#terms.lifetime }));
    const padding = Buffer.alloc(BLOCK - (text.length % BLOCK), ' ');
    const sealed = [nonce, cipher.update(text), cipher.update(padding), cipher.final(), cipher.getAuthTag()];
    return `${key.kid}.${Buffer.concat(sealed).toString('base64url')}`;
  }

  /** The login of a token; undefined when it is none of this registry, or good no more. @throws what the storage throws. */
  async open(token: string, now: number): Promise<Login | undefined> {
    const [kid = '', sealed = '', ...others] = token.split('.');
    if (others.length > 0) return undefined;
    const key = await this.#keys.find(kid);
    const bytes = Buffer.from(sealed, 'base64url');
    const isWhole = bytes.length > NONCE + TAG && bytes.toString('base64url') === sealed;
    if (key === undefined || !isWhole) return undefined;
    const text = this.#decipher(key, bytes);
    if (text === undefined) return undefined;
    const login: unknown = JSON.parse(text);
    return isLogin(login) && now < login.until
      ? { username: login.username, password: login.password }
      : undefined;
  }

  #decipher(key: SigningKey, bytes: Buffer): string | undefined {
    const decipher = createDecipheriv(CIPHER, secretOf(key), bytes.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(this.#context(key))
      .setAuthTag(bytes.subarray(-TAG));
    const text = decipher.update(bytes.subarray(NONCE, -TAG));
    try {
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      // The tag is wrong, and that is all there is to know of it: somebody else has made the token, or altered it.
      return undefined;
    }
  }

  /** A token is for this registry and this key alone. */
  #context({ kid }: SigningKey): Buffer {
    const { issuer, service } = this.#terms;
    return Buffer.from(JSON.stringify([issuer, service, kid]));
  }
}

/** Says nothing of the signing key, nor the other way round. */
function secretOf({ privateKey }: SigningKey): Uint8Array {
  const bytes = privateKey.export({ type: 'pkcs8', format: 'der' });
  return new Uint8Array(hkdfSync('sha256', bytes, '', 'entrepot refresh tokens', 32));
}

function isLogin(value: unknown): value is Login & { readonly until: number } {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'username' in value &&
    typeof value.username === 'string' &&
    'password' in value &&
    typeof value.password === 'string' &&
    'until' in value &&
    typeof value.until === 'number'
  );
}
