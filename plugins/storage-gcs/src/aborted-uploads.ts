import { StorageError, type Logger } from '@entrepot/plugin-sdk';
import type { ListedObject, ObjectHead } from './gcs/answers.ts';
import type { Condition, Objects } from './gcs/objects.ts';

/** The type of the empty object that aborted uploads leave behind. Its id is theirs, separated by spaces. */
const ABORTED = 'application/x-entrepot-aborted-upload';

/** Milliseconds for which an abortion is remembered: well beyond the longest an upload may take (see UploadState). */
const REMEMBERED = 60 * 24 * 3600 * 1000;
/** Uploads of one key; metadata has 8 KiB. */
const MOST = 100;
/** How often others may come first. */
const TURNS = 10;

/**
 * Uploads that can be completed no more.
 *
 * Deleting the parts of an upload is not enough: a process that has lost the upload without knowing it might upload all
 * of them anew and complete them. So an empty object is put in the place of the finished one, if nothing is there, as in
 * a completion: whichever of the two comes first wins, and what is complete stays as it is. The empty object counts as
 * absent, by its type, which every request and every list tell. Another upload of the same key takes its place. Lists
 * remove it once no upload can be that old.
 */
export class AbortedUploads {
  readonly #objects: Objects;
  readonly #log: Logger;

  constructor(objects: Objects, log: Logger) {
    this.#objects = objects;
    this.#log = log;
  }

  /** Whether an object stands for aborted uploads, and for nothing else. */
  isMark({ contentType }: Pick<ListedObject, 'contentType'>): boolean {
    return contentType === ABORTED;
  }

  /** Whether this upload is among those that a mark stands for. */
  isOf(mark: ObjectHead, upload: string): boolean {
    return mark.id.split(' ').includes(upload);
  }

  async add(name: string, upload: string): Promise<void> {
    let condition: Condition = 'absent';
    let uploads = [upload];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const options = { condition, id: uploads.join(' '), contentType: ABORTED };
      const { outcome } = await this.#objects.put(name, [], options);
      if (outcome === undefined) return;
      const found = await this.#objects.head(name);
      if (found !== undefined && (!this.isMark(found) || this.isOf(found, upload))) return;
      condition = found === undefined ? 'absent' : { generation: found.generation };
      uploads = [...(found?.id.split(' ') ?? []), upload].slice(-MOST);
    }
    throw new StorageError('UNAVAILABLE', `${name} is being written by others all the time`);
  }

  /** Removes what need not be remembered any more. Fails silently: it counts as absent anyway. */
  async forget({ name, modified }: ListedObject): Promise<void> {
    if (Date.now() - modified < REMEMBERED) return;
    try {
      const found = await this.#objects.head(name);
      if (found !== undefined && this.isMark(found)) await this.#objects.delete(name, found.generation);
    } catch (error) {
      this.#log.debug({ err: error, name }, 'the mark of an aborted upload stays for now');
    }
  }
}
