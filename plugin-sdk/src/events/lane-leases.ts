import { randomBytes, randomUUID } from 'node:crypto';
import { isStorageError } from '../errors.ts';
import type { Logger } from '../plugin.ts';
import type { StorageDriver } from '../storage.ts';
import type { HeldLane } from './event-queue.ts';

/** How often a lease is renewed, and how long one has to stand unchanged before another takes it; milliseconds. */
const RENEW_EVERY = 3000;
const TAKEN_OVER_AFTER = 10_000;

/**
 * Who delivers from which lane: a record for each, which its holder renews and others leave alone. No two clocks are
 * compared: a lease is dead when this process has seen it unchanged for long enough.
 */
export class LaneLeases {
  readonly #driver: StorageDriver;
  readonly #prefix: string;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #owner = randomUUID();
  readonly #seen = new Map<string, { readonly etag: string; readonly at: number }>();

  /** `now` in milliseconds since 1970. */
  constructor(driver: StorageDriver, prefix: string, log: Logger, now: () => number) {
    this.#driver = driver;
    this.#prefix = prefix;
    this.#log = log;
    this.#now = now;
  }

  /** `undefined` while another has it. @throws StorageError when it cannot be told. */
  async take(lane: string): Promise<HeldLane | undefined> {
    const key = this.#prefix + lane;
    const found = await this.#driver.read(key);
    if (found !== undefined && !this.#isDead(lane, found.etag)) return undefined;
    const etag = await this.#write(key, found === undefined ? { ifAbsent: true } : { ifMatch: found.etag });
    if (etag === undefined) return undefined;
    this.#seen.delete(lane);
    return this.#held(key, etag);
  }

  #isDead(lane: string, etag: string): boolean {
    const seen = this.#seen.get(lane);
    if (seen?.etag === etag) return this.#now() - seen.at > TAKEN_OVER_AFTER;
    this.#seen.set(lane, { etag, at: this.#now() });
    return false;
  }

  #held(key: string, taken: string): HeldLane {
    let etag: string | undefined = taken;
    let renewed = this.#now();
    let renewing = Promise.resolve();
    const renew = async (): Promise<void> => {
      if (etag === undefined) return;
      try {
        etag = await this.#write(key, { ifMatch: etag });
        renewed = this.#now();
      } catch (error) {
        this.#log.warn({ err: error }, 'the lease of a lane of events could not be renewed');
      }
    };
    const timer = setInterval(() => {
      renewing = renewing.then(renew);
    }, RENEW_EVERY).unref();
    const now = this.#now;
    return {
      get isLost() {
        return etag === undefined || now() - renewed > TAKEN_OVER_AFTER;
      },
      release: async () => {
        clearInterval(timer);
        await renewing;
        if (etag === undefined) return;
        try {
          await this.#driver.delete(key, { ifMatch: etag });
        } catch (error) {
          if (!isStorageError(error)) throw error;
          if (error.code !== 'PRECONDITION_FAILED')
            this.#log.warn({ err: error }, 'the lease of a lane of events could not be given back');
        }
      },
    };
  }

  /** The new version; `undefined` when another was faster. */
  async #write(
    key: string,
    condition: { readonly ifAbsent: true } | { readonly ifMatch: string },
  ): Promise<string | undefined> {
    const nonce = randomBytes(9).toString('base64url');
    const bytes = Buffer.from(JSON.stringify({ owner: this.#owner, nonce }));
    try {
      return (await this.#driver.write(key, bytes, { ...condition, transient: true })).etag;
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return undefined;
      throw error;
    }
  }
}
