import { timingSafeEqual } from 'node:crypto';
import { RegistryError, type AuthRequest, type Identity, type Logger } from '@entrepot/plugin-sdk';
import { identityOf } from './key-record.ts';
import type { KeyStore } from './key-store.ts';
import { hashOf, idOf, isMeantAsKey } from './key-text.ts';
import type { KeyUses } from './key-uses.ts';

export interface KeyLoginParts {
  /** @throws Error before the storage has been opened. */
  readonly store: () => KeyStore;
  readonly uses: Pick<KeyUses, 'note'>;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const MAX_LOGGED_NAME = 255;

/**
 * Says whose key that is. The storage is asked each time: what is revoked counts no more from the next request on, at
 * whichever replica. Guesses need no limit: there are 2^190 keys.
 */
export class KeyLogins {
  readonly #parts: KeyLoginParts;

  constructor(parts: KeyLoginParts) {
    this.#parts = parts;
  }

  /**
   * undefined for what is no key: it is for others to know.
   * @throws RegistryError `UNAUTHORIZED` when it is wrong, revoked or expired; StorageError when that cannot be found out.
   */
  async identify({ basic, address, requestId }: AuthRequest): Promise<Identity | undefined> {
    if (basic === undefined || !isMeantAsKey(basic.password)) return undefined;
    const { username, password } = basic;
    const { store, uses, log, now } = this.#parts;
    const id = idOf(password);
    const found = id === undefined ? undefined : await store().find(username, id);
    if (
      found === undefined ||
      !timingSafeEqual(hashOf(password), Buffer.from(found.record.hash, 'base64url'))
    ) {
      log.warn(
        { reqId: requestId, user: username.slice(0, MAX_LOGGED_NAME), key: id, address },
        'a key was refused',
      );
      const reason = id === undefined ? 'the key is mistyped' : 'the key was revoked, or is of another name';
      throw new RegistryError('UNAUTHORIZED', reason);
    }
    const { record } = found;
    const identity = identityOf(record);
    if (record.expires <= now()) {
      log.info({ reqId: requestId, user: username, key: id, address }, 'a key has expired');
      throw new RegistryError('UNAUTHORIZED', 'the key has expired', { expired: identity });
    }
    uses.note(record);
    return identity;
  }
}
