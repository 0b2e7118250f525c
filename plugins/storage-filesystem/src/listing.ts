import { isStorageKey, type ListOptions, type ListPage } from '@entrepot/plugin-sdk';
import type { DirectoryNames } from './directory-names.ts';
import type { Root } from './root.ts';
import { rank } from './sorted-names.ts';

/** The most keys on a page, whatever is asked for. */
const LONGEST_PAGE = 10_000;

/** One walk through the keys under `objects` in byte order. It reads only directories that the page has keys from. */
export class Listing {
  readonly #root: Root;
  readonly #directories: DirectoryNames;
  readonly #prefix: string;
  readonly #startAfter: string | undefined;
  readonly #limit: number;
  readonly #keys: string[] = [];

  constructor(root: Root, directories: DirectoryNames, prefix: string, { startAfter, limit }: ListOptions) {
    this.#root = root;
    this.#directories = directories;
    this.#prefix = prefix;
    // Before the prefix there is nothing to skip.
    this.#startAfter = startAfter !== undefined && startAfter >= prefix ? startAfter : undefined;
    this.#limit = Math.min(limit, LONGEST_PAGE);
  }

  async page(): Promise<ListPage> {
    const directory = this.#prefix.slice(0, this.#prefix.lastIndexOf('/') + 1);
    // No key is below what is no key itself; and no list leads out of the root.
    if (directory === '' || isStorageKey(directory.slice(0, -1))) await this.#walk(directory);
    const more = this.#keys.length > this.#limit;
    if (more) this.#keys.pop();
    return { keys: this.#keys, more };
  }

  /** Adds the keys below `directory`, which is empty or ends in `/`, until there is one more than the page holds. */
  async #walk(directory: string): Promise<void> {
    const names = await this.#namesIn(directory);
    for (let index = this.#first(directory, names); index < names.length; index += 1) {
      const name = names[index] ?? '';
      const key = directory + name;
      if (!key.startsWith(this.#prefix)) return;
      if (name.endsWith('/')) await this.#walk(key);
      else if (isStorageKey(key)) this.#keys.push(key);
      if (this.#keys.length > this.#limit) return;
    }
  }

  async #namesIn(directory: string): Promise<readonly string[]> {
    if (directory !== '') return this.#directories.in(this.#root.object(directory));
    const [names, top] = await Promise.all([
      this.#directories.in(this.#root.objects),
      this.#directories.in(this.#root.path),
    ]);
    return this.#root.withBeside(names, top);
  }

  /** The first of `names` that the page may have keys from. */
  #first(directory: string, names: readonly string[]): number {
    if (this.#startAfter === undefined || this.#startAfter < directory) {
      return rank(names, this.#prefix.slice(directory.length));
    }
    if (!this.#startAfter.startsWith(directory)) return names.length;
    const rest = this.#startAfter.slice(directory.length);
    const slash = rest.indexOf('/');
    // The directory that `startAfter` leads into may have later keys; a file of that name is passed by.
    if (slash !== -1) return rank(names, rest.slice(0, slash + 1));
    const index = rank(names, rest);
    return names[index] === rest ? index + 1 : index;
  }
}
