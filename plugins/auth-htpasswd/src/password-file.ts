import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@entrepot/plugin-sdk';
import { parseUserList, type UserList } from './user-list.ts';

/** The most bytes a file may have: some 100,000 users. */
const MAX_BYTES = 8 * 1024 ** 2;
/** Milliseconds between two looks at the file. */
const LOOK_EVERY = 2000;

/** An htpasswd file and what stands in it. A change is taken over within seconds; a broken file changes nothing. */
export class PasswordFile {
  readonly path: string;
  readonly #log: Logger;
  #users: UserList = new Map();
  #hashes: readonly string[] = [];
  /** Which version of the file was looked at last. */
  #seen = '';
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, log: Logger) {
    this.path = path;
    this.#log = log;
  }

  get users(): UserList {
    return this.#users;
  }

  /** The hashes of all users, in the order of the file. */
  get hashes(): readonly string[] {
    return this.#hashes;
  }

  /**
   * Reads the file, and from now on looks whether it changes.
   * @throws Error that names the file and what is wrong with it.
   */
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
    const version = await this.#version().catch(() => 'absent');
    if (version === this.#seen) return;
    try {
      await this.#load(version);
      this.#log.info({ file: this.path, users: this.#users.size }, 'the password file was read anew');
    } catch (error) {
      this.#seen = version;
      this.#log.error({ err: error }, 'the password file is broken; the users stay as they were');
    }
  }

  /** The version was taken before the bytes: should they be newer, the next look sees that and reads them again. */
  async #load(version: string): Promise<void> {
    try {
      this.#users = parseUserList(await readFile(this.path, 'utf8'));
    } catch (error) {
      throw new Error(`${this.path}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    this.#hashes = [...this.#users.values()];
    this.#seen = version;
  }

  async #version(): Promise<string> {
    const { mtimeNs, ctimeNs, ino, size } = await stat(this.path, { bigint: true });
    if (size > MAX_BYTES) throw new Error(`${this.path} is larger than ${MAX_BYTES} bytes`);
    return [mtimeNs, ctimeNs, ino, size].join();
  }
}
