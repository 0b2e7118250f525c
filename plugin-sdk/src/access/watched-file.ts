import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '../plugin.ts';

/** Milliseconds between two looks at the file. */
const LOOK_EVERY = 2000;

export interface WatchedFileOptions<Content> {
  readonly path: string;
  /** What the log calls it: `the password file`. */
  readonly what: string;
  /** A larger one is not read. */
  readonly maxBytes: number;
  /** @throws Error that says what is wrong with the text. */
  readonly parse: (text: string) => Content;
  readonly log: Logger;
}

/** A file and what was read from it last. A change is taken over within seconds; a broken file changes nothing. */
export class WatchedFile<Content> {
  readonly #options: WatchedFileOptions<Content>;
  #content: Content | undefined;
  /** Which version of the file was looked at last. */
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: WatchedFileOptions<Content>) {
    this.#options = options;
  }

  /** `undefined` before {@link open}. */
  get content(): Content | undefined {
    return this.#content;
  }

  /** Reads the file, and from now on looks whether it changes. @throws Error that names the file and what is wrong. */
  async open(): Promise<void> {
    await this.#load(await this.#version());
    this.#timer = setInterval(() => void this.refresh(), LOOK_EVERY).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Takes a changed file over. One that cannot be read or is broken is logged once, and what was known stays. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { path, what, log } = this.#options;
    let version = 'unreadable';
    try {
      version = await this.#version();
      if (version === this.#seen) return;
      await this.#load(version);
      log.info({ file: path }, `${what} was read anew`);
    } catch (error) {
      if (version === this.#seen) return;
      this.#seen = version;
      log.error({ err: error }, `${what} is broken; what it said before still counts`);
    }
  }

  /** The version was taken before the bytes: should they be newer, the next look sees that and reads them again. */
  async #load(version: string): Promise<void> {
    const { path, parse } = this.#options;
    try {
      this.#content = parse(await readFile(path, 'utf8'));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${path}: ${reason}`, { cause: error });
    }
    this.#seen = version;
  }

  async #version(): Promise<string> {
    const { path, maxBytes } = this.#options;
    const { mtimeNs, ctimeNs, ino, size } = await stat(path, { bigint: true });
    if (size > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
    return [mtimeNs, ctimeNs, ino, size].join();
  }
}
