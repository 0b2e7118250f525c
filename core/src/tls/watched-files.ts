import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../error-message.ts';

/** Milliseconds between two looks at the files. */
const LOOK_EVERY = 2000;
/** More than any chain of certificates has. */
const MAX_BYTES = 1024 * 1024;

/** A file, under the name of the setting that says where it is. */
export interface NamedFile {
  readonly setting: string;
  readonly path: string;
}

/** Texts of files, under the names of their settings. */
export type Texts = ReadonlyMap<string, string>;

/** Files that are read and replaced together, such as a certificate and its key. */
export class WatchedFiles {
  readonly #files: readonly NamedFile[];
  /** The version that was read last; empty when it was no good. */
  #read = '';
  /** A newer version, seen at the last look: it may be half of a change. */
  #changing = '';
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(files: readonly NamedFile[]) {
    this.#files = files;
  }

  /** @throws Error that names the setting and the file that cannot be read. */
  async read(): Promise<Texts> {
    // The versions are taken before the bytes: should those be newer, the next look sees that and reads them again.
    this.#read = await this.#versions();
    const texts = await Promise.all(
      this.#files.map(async (file) => [file.setting, await textOf(file)] as const),
    );
    return new Map(texts);
  }

  /** From now on looks at the files all the time. */
  watch(onChange: () => Promise<boolean>): void {
    this.#timer = setInterval(() => void this.look(onChange), LOOK_EVERY).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Calls `onChange` when the files have changed, and then rested from one look to the next. It says whether what it has
   * read is good; else it is called again at the next look. Never rejects unless it does.
   */
  async look(onChange: () => Promise<boolean>): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const versions = await this.#versions();
      if (versions === this.#read) return;
      if (versions === this.#changing && !(await onChange())) this.#read = '';
      this.#changing = versions;
    } finally {
      this.#looking = false;
    }
  }

  async #versions(): Promise<string> {
    const versions = await Promise.all(
      this.#files.map(async ({ path }) => {
        try {
          const { mtimeNs, ctimeNs, ino, size } = await stat(path, { bigint: true });
          return [mtimeNs, ctimeNs, ino, size].join();
        } catch (error) {
          return messageOf(error);
        }
      }),
    );
    return versions.join('\n');
  }
}

async function textOf({ setting, path }: NamedFile): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${setting}: ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
