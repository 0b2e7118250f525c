import { compare, hash } from '@node-rs/bcrypt';
import { Turns, type TurnLimits } from '@entrepot/plugin-sdk/access';

/** bcrypt looks at no more bytes of a password. */
export const MAX_PASSWORD_BYTES = 72;

/** The hash of a password, which takes 2^cost rounds. */
export function hashPassword(password: string, cost: number): Promise<string> {
  return hash(password, cost);
}

/**
 * Compares passwords with hashes on threads of the pool, a few at a time: bcrypt takes a core for as long as it runs, and
 * pulls need threads of the same pool.
 */
export class BcryptQueue {
  readonly #turns: Turns;

  constructor(limits: TurnLimits) {
    this.#turns = new Turns(limits);
  }

  /** @throws RegistryError `TOOMANYREQUESTS` when too many wait already. */
  matches(password: string, hashed: string): Promise<boolean> {
    return this.#turns.take(() => compare(password, hashed));
  }
}
