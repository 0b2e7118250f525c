import { watchFile } from 'node:fs';
import { isatty } from 'node:tty';
import type { Logger } from '../log.ts';

/** How often a watched configuration file is looked at, in milliseconds. */
const LOOK_EVERY = 1000;

export interface ReloadingOptions {
  /** The configuration file. */
  readonly file: string;
  /** Whether a change of the file is a reason to reload. */
  readonly watch: boolean;
  readonly log: Logger;
  /** Reads the configuration and goes on with it. @throws Error when that is not possible: nothing has changed then. */
  readonly reload: () => Promise<void>;
  /** What a terminal that has been closed is a reason for. */
  readonly stop: () => void;
}

/** Reloads on SIGHUP and when the configuration file changes. One reload at a time; those asked for meanwhile are one. */
export class Reloading {
  readonly #options: ReloadingOptions;
  readonly #onTerminal = isatty(1);
  #isRunning = false;
  #asked = false;

  constructor(options: ReloadingOptions) {
    this.#options = options;
    process.on('SIGHUP', () => this.#onHangUp());
    if (options.watch) {
      watchFile(options.file, { interval: LOOK_EVERY, persistent: false }, (now, before) => {
        if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) this.#ask('the file has changed');
      });
    }
  }

  /** The same signal says that the terminal is gone: a registry that somebody has started by hand ends with it. */
  #onHangUp(): void {
    if (this.#onTerminal && !isatty(1)) this.#options.stop();
    else this.#ask('SIGHUP');
  }

  #ask(cause: string): void {
    this.#options.log.info({ cause, config: this.#options.file }, 'the configuration is to be reloaded');
    this.#asked = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    const { log, reload } = this.#options;
    this.#isRunning = true;
    while (this.#takeAsked()) {
      try {
        await reload();
      } catch (error) {
        log.error(
          { err: error },
          'the configuration could not be reloaded: the registry goes on with the one before',
        );
      }
    }
    this.#isRunning = false;
  }

  #takeAsked(): boolean {
    const asked = this.#asked;
    this.#asked = false;
    return asked;
  }
}
