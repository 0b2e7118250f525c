import { RegistryError } from '../errors.ts';
import type { Logger } from '../plugin.ts';
import { parseKeySet, type TrustedKey } from './key-set.ts';

/** Milliseconds between two requests, whatever names of keys are made up. */
const REST = 10_000;

export interface PublishedKeysOptions {
  /** Whose keys they are, for the log. */
  readonly url: string;
  /** Gives the key set, within seconds. @throws Error that says why it cannot. */
  readonly read: () => Promise<string>;
  /** Milliseconds after which keys are asked for anew, while the known ones serve on. */
  readonly freshFor: number;
  /** Milliseconds after which known keys serve no more, should their source stay down. */
  readonly staleFor: number;
  readonly log: Logger;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/**
 * The keys a token server publishes. They serve on while the server is down, up to a limit; a name that is not
 * among them makes them be asked for again, as servers change their keys.
 */
export class PublishedKeys {
  readonly #options: PublishedKeysOptions;
  #keys: readonly TrustedKey[] = [];
  #readAt: number | undefined;
  #askedAt: number | undefined;
  #asking: Promise<boolean> | undefined;

  constructor(options: PublishedKeysOptions) {
    this.#options = options;
  }

  /**
   * The keys named `kid`, or all of them.
   * @throws RegistryError `UNAVAILABLE` when it cannot be found out whether there is such a key.
   */
  async find(kid: string | undefined): Promise<readonly TrustedKey[]> {
    const { freshFor, staleFor, now } = this.#options;
    const age = this.#readAt === undefined ? Infinity : now() - this.#readAt;
    if (age <= staleFor) {
      const found = this.#named(kid);
      if (found.length > 0) {
        if (age > freshFor && this.#mayAsk()) void this.ask();
        return found;
      }
    }
    const isRead = this.#asking !== undefined || this.#mayAsk() ? await this.ask() : this.#isUpToDate();
    if (!isRead) throw unavailable();
    return this.#named(kid);
  }

  /** Asks for the keys; whoever asks meanwhile gets the same answer. Gives whether they were read. */
  ask(): Promise<boolean> {
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  #mayAsk(): boolean {
    return this.#askedAt === undefined || this.#options.now() - this.#askedAt >= REST;
  }

  /** The last request was answered: a name that is unknown now was unknown seconds ago. */
  #isUpToDate(): boolean {
    return this.#readAt !== undefined && this.#readAt === this.#askedAt;
  }

  #named(kid: string | undefined): readonly TrustedKey[] {
    return kid === undefined ? this.#keys : this.#keys.filter((key) => key.kid === kid);
  }

  async #read(): Promise<boolean> {
    const { url, read, log, now } = this.#options;
    const askedAt = now();
    this.#askedAt = askedAt;
    try {
      this.#keys = parseKeySet(await read());
      this.#readAt = askedAt;
      return true;
    } catch (error) {
      log.error({ err: error, url }, 'the keys that tokens are checked with could not be read');
      return false;
    }
  }
}

function unavailable(): RegistryError {
  return new RegistryError('UNAVAILABLE', 'the keys that tokens are checked with cannot be had; try again', {
    headers: { 'retry-after': '10' },
  });
}
