import { compare, hash } from '@node-rs/bcrypt';
import { RegistryError } from '@entrepot/plugin-sdk';

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
  readonly #concurrency: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: { readonly concurrency: number; readonly maxWaiting: number }) {
    this.#concurrency = limits.concurrency;
    this.#maxWaiting = limits.maxWaiting;
  }

  /** @throws RegistryError `TOOMANYREQUESTS` when too many wait already. */
  async matches(password: string, hashed: string): Promise<boolean> {
    await this.#turn();
    try {
      return await compare(password, hashed);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new RegistryError('TOOMANYREQUESTS', 'too many are logging in; try again', {
        headers: { 'retry-after': '2' },
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
