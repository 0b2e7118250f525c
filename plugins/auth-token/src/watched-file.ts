import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@entrepot/plugin-sdk';

/** The most bytes a file of keys or certificates may have. */
const MAX_BYTES = 1024 ** 2;
/** Milliseconds between two looks at the file. */
const LOOK_EVERY = 2000;

/** A file and what was read from it last. A change is taken over within seconds; a broken file changes nothing. */
export class WatchedFile<Content> {
  readonly #path: string;
  readonly #parse: (text: string) => Content;
  readonly #log: Logger;
  #content: Content | undefined;
  /** Which version of the file was looked at last. */
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(path: string, parse: (text: string) => Content, log: Logger) {
    this.#path = path;
    this.#parse = parse;
    this.#log = log;
  }

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
    const version = await this.#version().catch(() => 'unreadable');
    if (version === this.#seen) return;
    try {
      await this.#load(version);
      this.#log.info({ file: this.#path }, 'the file of keys was read anew');
    } catch (error) {
      this.#seen = version;
      this.#log.error({ err: error }, 'the file of keys is broken; the keys stay as they were');
    }
  }

  /** The version was taken before the bytes: should they be newer, the next look sees that and reads them again. */
  async #load(version: string): Promise<void> {
    try {
      this.#content = this.#parse(await readFile(this.#path, 'utf8'));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.#path}: ${reason}`, { cause: error });
    }
    this.#seen = version;
  }

  async #version(): Promise<string> {
    const { mtimeNs, ctimeNs, ino, size } = await stat(this.#path, { bigint: true });
    if (size > MAX_BYTES) throw new Error(`${this.#path} is larger than ${MAX_BYTES} bytes`);
    return [mtimeNs, ctimeNs, ino, size].join();
  }
}
