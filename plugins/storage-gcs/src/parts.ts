import { randomUUID } from 'node:crypto';
import { StorageError } from '@entrepot/plugin-sdk';
import type { Objects } from './gcs/objects.ts';
import { inParallel } from './in-parallel.ts';
import type { ObjectNames } from './object-names.ts';

/** Objects that one request can put together ("Composite objects"). */
const SOURCES = 32;
/** Requests of one upload at once. */
const AT_ONCE = 8;
const NAMES_AT_ONCE = 1000;

/**
 * The parts of uploads on their way in: an object each, in a folder of the upload, outside of all keys.
 *
 * Google has other ways to upload in parts, and neither does what the contract asks: a resumable session cannot take a
 * part back, and the multipart uploads of the XML API know no conditions when they are completed. Composing copies
 * nothing, takes objects of any length, and is conditional.
 */
export class Parts {
  readonly #objects: Objects;
  readonly #names: ObjectNames;

  constructor(objects: Objects, names: ObjectNames) {
    this.#objects = objects;
    this.#names = names;
  }

  /** Adds a part. Repeated, it does the same again: no other call has this name. */
  async put(upload: string, part: string, chunks: readonly Uint8Array[]): Promise<void> {
    const name = this.#names.partsOf(upload) + part;
    const { value } = await this.#objects.put(name, chunks, { condition: undefined, id: upload });
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (value?.size !== length)
      throw new StorageError(
        'UNAVAILABLE',
        `a part of ${length} bytes arrived as one of ${value?.size ?? 0}`,
      );
  }

  /**
   * Puts parts together, 32 to an object, these again, and so on, until one request can put together what is left. Gives
   * the names of that, or `undefined` when a part is gone.
   */
  async gather(upload: string, parts: readonly string[]): Promise<readonly string[] | undefined> {
    const folder = this.#names.partsOf(upload);
    let level = parts.map((part) => folder + part);
    while (level.length > SOURCES) {
      const composed = await inParallel(groupsOf(level), AT_ONCE, async (group) => {
        const name = `${folder}composed-${randomUUID()}`;
        const { outcome } = await this.#objects.compose(name, group, { condition: undefined, id: upload });
        return outcome === undefined ? name : '';
      });
      if (composed.includes('')) return undefined;
      level = composed;
    }
    return level;
  }

  /** Deletes all there is of an upload. */
  async clear(upload: string): Promise<void> {
    const folder = this.#names.partsOf(upload);
    let next = '';
    do {
      const page = await this.#objects.list(folder, { offset: folder, next, limit: NAMES_AT_ONCE });
      await inParallel(page.objects, AT_ONCE, ({ name }) => this.#objects.delete(name));
      next = page.next;
    } while (next !== '');
  }
}

function groupsOf(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let start = 0; start < names.length; start += SOURCES)
    groups.push(names.slice(start, start + SOURCES));
  return groups;
}
