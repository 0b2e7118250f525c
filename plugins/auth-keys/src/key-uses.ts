import type { Logger } from '@entrepot/plugin-sdk';
import type { KeyRecord } from './key-record.ts';
import type { KeyStore } from './key-store.ts';

/** Milliseconds: a use is noted when the last one that was is older. */
const GRAIN = 3_600_000;
/** Milliseconds between two rounds of writing. */
const ROUND = 60_000;
/** Of more keys than that in a round, the others are noted when they are used again. */
const MAX_PENDING = 1000;

export interface KeyUsesParts {
  /** @throws Error before the storage has been opened. */
  readonly store: () => KeyStore;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * When keys were used last. Nothing is written while somebody waits: uses are gathered, and each key is written once an
 * hour at most. A process that is killed takes up to a minute of them with it.
 */
export class KeyUses {
  readonly #parts: KeyUsesParts;
  #pending = new Map<string, { readonly owner: string; readonly id: string; readonly used: number }>();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: KeyUsesParts) {
    this.#parts = parts;
  }

  open(): void {
    this.#timer = setInterval(() => void this.flush(), ROUND).unref();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  note({ owner, id, used = 0 }: KeyRecord): void {
    const now = this.#parts.now();
    const isNoted = now - used < GRAIN || this.#pending.has(id) || this.#pending.size >= MAX_PENDING;
    if (!isNoted) this.#pending.set(id, { owner, id, used: now });
  }

  /** Writes what was gathered. Never rejects: what cannot be written is noted at a later use. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const uses = [...this.#pending.values()];
    this.#pending = new Map();
    try {
      for (const { owner, id, used } of uses) await this.#parts.store().touch(owner, id, used);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'when keys were used could not be noted');
    }
  }
}
