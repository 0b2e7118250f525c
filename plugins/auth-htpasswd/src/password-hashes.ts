import { createHmac, randomBytes } from 'node:crypto';
import type { Identity } from '@entrepot/plugin-sdk';
import { isPlausible, type Credentials, type PasswordCheck } from '@entrepot/plugin-sdk/access';
import type { BcryptQueue } from './bcrypt.ts';
import type { Passwords } from './password-file.ts';

/** Of a password that nobody knows, for an empty file. */
const NOBODY = '$2b$10$viaU8DuBx..TTwGan69Ac.rS/bp1Y292waNja8JF5Gc6skmaaJuWe';

export interface PasswordHashesParts {
  /** What stands in the file at the moment. */
  readonly file: { readonly content: Passwords | undefined };
  readonly bcrypt: Pick<BcryptQueue, 'matches'>;
}

/** The passwords of a file. Each look costs one bcrypt, for names that do not exist as well. */
export class PasswordHashes implements PasswordCheck {
  readonly #parts: PasswordHashesParts;
  readonly #key = randomBytes(32);

  constructor(parts: PasswordHashesParts) {
    this.#parts = parts;
  }

  has(username: string): boolean {
    return this.#hashOf(username) !== undefined;
  }

  /** The hash itself, so that a new password counts at once. */
  versionOf(username: string): string {
    return this.#hashOf(username) ?? '';
  }

  async identify(credentials: Credentials): Promise<Identity | undefined> {
    const { username, password } = credentials;
    const hash = isPlausible(credentials) ? this.#hashOf(username) : undefined;
    const matches = await this.#parts.bcrypt.matches(password, hash ?? this.#decoy(username));
    return matches && hash !== undefined ? { subject: username } : undefined;
  }

  #hashOf(username: string): string | undefined {
    return this.#parts.file.content?.users.get(username);
  }

  /** The hash of somebody, always the same for a name: names that do not exist take as long as those that do. */
  #decoy(username: string): string {
    const hashes = this.#parts.file.content?.hashes ?? [];
    const number = createHmac('sha256', this.#key).update(username).digest().readUInt32BE();
    return hashes[number % Math.max(1, hashes.length)] ?? NOBODY;
  }
}
