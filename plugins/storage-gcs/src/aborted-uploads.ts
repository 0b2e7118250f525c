import type { Logger } from '@entrepot/plugin-sdk';
import type { ListedObject } from './gcs/answers.ts';
import type { Objects } from './gcs/objects.ts';

/** The type of the empty object that an aborted upload leaves behind. */
const ABORTED = 'application/x-entrepot-aborted-upload';

/** Milliseconds for which an abortion is remembered: well beyond the longest an upload may take (see UploadState). */
const REMEMBERED = 60 * 24 * 3600 * 1000;

/**
 * Uploads that can be completed no more.
 *
 * Deleting the parts of an upload is not enough: a process that has lost the upload without knowing it might upload all
 * of them anew and complete them. So an empty object is put in the place of the finished one, under the condition that
 * nothing is there, as in a completion: whichever of the two comes first wins, and what is complete stays as it is. The
 * empty object counts as absent, by its type, which every request and every list tell. Lists remove it once no upload
 * can be that old.
 */
export class AbortedUploads {
  readonly #objects: Objects;
  readonly #log: Logger;

  constructor(objects: Objects, log: Logger) {
    this.#objects = objects;
    this.#log = log;
  }

  has({ contentType }: Pick<ListedObject, 'contentType'>): boolean {
    return contentType === ABORTED;
  }

  async add(name: string, id: string): Promise<void> {
    await this.#objects.put(name, [], { condition: 'absent', id, contentType: ABORTED });
  }

  /** Removes what need not be remembered any more. Fails silently: it counts as absent anyway. */
  async forget({ name, modified }: ListedObject): Promise<void> {
    if (Date.now() - modified < REMEMBERED) return;
    try {
      const found = await this.#objects.head(name);
      if (found !== undefined && this.has(found)) await this.#objects.delete(name, found.generation);
    } catch (error) {
      this.#log.debug({ err: error, name }, 'the mark of an aborted upload stays for now');
    }
  }
}
