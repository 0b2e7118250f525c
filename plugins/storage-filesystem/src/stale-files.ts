import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@entrepot/plugin-sdk';
import { isErrno } from './errors.ts';
import type { Root } from './root.ts';
import { lstat, unlink } from './system-calls.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a small object is being written at most. */
const STALE_TEMPORARY = HOUR;
/** Upload sessions live for seven days at most, and each part renews the time of the file. */
const STALE_UPLOAD = 8 * DAY;

/**
 * Removes what processes have left behind that died while they wrote. Nobody can be harmed: whoever comes back to
 * a file that has been removed finds it gone and fails, and what is visible has another name already.
 */
export class StaleFiles {
  readonly #root: Root;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(root: Root, log: Logger) {
    this.#root = root;
    this.#log = log;
  }

  /** Sweeps in the background, now and once a day. */
  start(): void {
    this.#stopped = false;
    void this.sweep();
    this.#timer = setInterval(() => void this.sweep(), DAY).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async sweep(): Promise<void> {
    try {
      const removed =
        (await this.#sweep(this.#root.temporary, STALE_TEMPORARY)) +
        (await this.#sweep(this.#root.uploads, STALE_UPLOAD));
      if (removed > 0) this.#log.info({ removed }, 'removed stale files of unfinished writes and uploads');
    } catch (error) {
      this.#log.warn({ err: error }, 'stale files could not be removed; this is tried again tomorrow');
    }
  }

  async #sweep(directory: string, age: number): Promise<number> {
    let removed = 0;
    for await (const { name } of await opendir(directory)) {
      if (this.#stopped) break;
      try {
        const path = join(directory, name);
        const stat = await lstat(path);
        if (!stat.isFile() || Date.now() - stat.mtimeMs < age) continue;
        await unlink(path);
        removed += 1;
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
    return removed;
  }
}
