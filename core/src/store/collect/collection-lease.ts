import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { messageOf } from '../../error-message.ts';
import { keys } from '../keys.ts';
import { isCount, isObject, jsonFormat, Records, type Stored } from '../records.ts';
import { hasEnded, self, type Holder } from './holder.ts';

/** How often a lease is renewed, how long its holder relies on it, and how long others respect it; milliseconds. */
const RENEW_AFTER = 15_000;
const RELIED_ON_FOR = 60_000;
const RESPECTED_FOR = 120_000;

interface Lease {
  /** Who collects, for people: machine and process. */
  readonly holder: string;
  /** The same for machines: those nearby see when it has died. */
  readonly process: Holder | undefined;
  /** Names one taking of the lease. `undefined` when nobody holds it. */
  readonly owner: string | undefined;
  /** When the holder last said that it collects; milliseconds since 1970. */
  readonly renewed: number;
  /** When the last run ended that came to its end; milliseconds since 1970. 0: none has. */
  readonly ended: number;
}

const leaseFormat = jsonFormat<Lease>(({ holder, process: by, owner, renewed, ended }) =>
  typeof holder === 'string' && isCount(renewed) && isCount(ended)
    ? {
        holder,
        process: isHolder(by) ? by : undefined,
        owner: typeof owner === 'string' ? owner : undefined,
        renewed,
        ended,
      }
    : undefined,
);

function isHolder(value: unknown): value is Holder {
  return isObject(value) && isCount(value['pid']) && typeof value['place'] === 'string';
}

/** The lease, as whoever collects has it. */
export interface HeldLease {
  /** Aborts when others may think that nobody collects. */
  readonly signal: AbortSignal;
  /** Gives it back. `isDone` says that the run came to its end. */
  release(isDone: boolean): Promise<void>;
}

/** Somebody else has the lease. */
export interface HeldByAnother {
  /** Machine and process. */
  readonly heldBy: string;
  /** When others may take it if that process says nothing more; milliseconds since 1970. */
  readonly until: number;
}

/**
 * Who collects: a record in storage that its holder renews. It spares work: whoever collects without it, or goes on after
 * losing it, harms nothing.
 */
export class CollectionLease {
  readonly #records: Records<Lease>;
  readonly #log: Logger;
  readonly #key: string;

  /** Under another `key` it is about other work that one process does at a time. */
  constructor(driver: StorageDriver, log: Logger, key: string = keys.collectionLease) {
    this.#key = key;
    this.#records = new Records(driver, leaseFormat, { log, cacheBytes: 4096, transient: true });
    this.#log = log;
  }

  /** When the last run ended; milliseconds since 1970, 0 when none has. */
  async lastEnd(): Promise<number> {
    return (await this.#records.read(this.#key))?.value.ended ?? 0;
  }

  /** Takes the lease. Gives who has it instead when somebody does. That of a process seen to have died is free. */
  async take(): Promise<HeldLease | HeldByAnother> {
    const holder = `process ${self.pid} on ${hostname()}`;
    const owner = randomUUID();
    const lease = await this.#records.update(this.#key, (current) => {
      if (current !== undefined && isHeld(current)) return undefined;
      return { holder, process: self, owner, renewed: Date.now(), ended: current?.ended ?? 0 };
    });
    if (lease?.value.owner === owner) return this.#held(lease);
    const { holder: heldBy = 'somebody', renewed = Date.now() } = lease?.value ?? {};
    return { heldBy, until: renewed + RESPECTED_FOR };
  }

  #held(taken: Stored<Lease>): HeldLease {
    let lease = taken;
    let renewing = Promise.resolve();
    const lost = new AbortController();
    const renew = async (): Promise<void> => {
      try {
        const value = { ...lease.value, renewed: Date.now() };
        const renewed = await this.#records.replace(this.#key, value, lease);
        if (renewed === undefined) lost.abort(new Error('another process has taken the lease'));
        else lease = renewed;
      } catch (error) {
        this.#log.warn({ reason: messageOf(error) }, 'the lease could not be renewed');
        if (Date.now() - lease.value.renewed > RELIED_ON_FOR)
          lost.abort(new Error('storage is in trouble: the lease has run out'));
      }
    };
    const timer = setInterval(() => {
      renewing = renewing.then(renew);
    }, RENEW_AFTER).unref();
    return {
      signal: lost.signal,
      release: async (isDone) => {
        clearInterval(timer);
        await renewing;
        const { value } = lease;
        const given = { ...value, owner: undefined, ended: isDone ? Date.now() : value.ended };
        await this.#records.replace(this.#key, given, lease);
      },
    };
  }
}

function isHeld({ owner, renewed, process: by }: Lease): boolean {
  if (owner === undefined || Date.now() - renewed >= RESPECTED_FOR) return false;
  return by === undefined || !hasEnded(by);
}
