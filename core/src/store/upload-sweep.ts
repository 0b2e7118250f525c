import type { Logger } from '@entrepot/plugin-sdk';
import type { UploadStore } from './upload-store.ts';

/** How often sessions are looked through; milliseconds. */
const INTERVAL = 60 * 60 * 1000;

/**
 * Ends abandoned uploads while the registry runs. Each replica sweeps, at a time of its own; ending a session twice
 * harms nothing.
 */
export class UploadSweep {
  readonly #uploads: UploadStore;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(uploads: UploadStore, log: Logger) {
    this.#uploads = uploads;
    this.#log = log;
  }

  start(): void {
    const sweep = (): void => {
      this.#sweeping = this.#sweep();
    };
    this.#timer = setTimeout(() => {
      sweep();
      this.#timer = setInterval(sweep, INTERVAL).unref();
    }, Math.random() * INTERVAL).unref();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    try {
      const ended = await this.#uploads.expire();
      if (ended > 0) this.#log.info({ uploads: ended }, 'abandoned uploads were ended');
    } catch (error) {
      this.#log.warn({ err: error }, 'abandoned uploads could not be looked through; the next sweep will');
    }
  }
}
