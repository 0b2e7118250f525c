import { StorageError, type Logger } from '@entrepot/plugin-sdk';
import type { BlobHead, Blobs, Condition, ListedBlob } from './azure/blobs.ts';

/** The type of the empty blob that aborted uploads leave behind. Its id is theirs, separated by spaces. */
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
 * Azure has no request to drop the blocks of an upload. What drops them is another commit; so an upload is aborted by
 * committing no blocks at all, if there is no blob, as in a completion: whichever of the two comes first wins, and what
 * is complete stays as it is. The empty blob that this makes counts as absent, by its type, which every request and
 * every list tell. It stays, because of a process that has lost the upload without knowing it: it might upload all parts
 * anew and complete them. Another upload of the same key takes its place. Lists remove it once no upload can be that old.
 */
export class AbortedUploads {
  readonly #blobs: Blobs;
  readonly #log: Logger;

  constructor(blobs: Blobs, log: Logger) {
    this.#blobs = blobs;
    this.#log = log;
  }

  /** Whether a blob stands for aborted uploads, and for nothing else. */
  isMark({ contentType }: Pick<ListedBlob, 'contentType'>): boolean {
    return contentType === ABORTED;
  }

  /** Whether this upload is among those that a mark stands for. */
  isOf(mark: BlobHead, upload: string): boolean {
    return mark.id.split(' ').includes(upload);
  }

  async add(key: string, upload: string): Promise<void> {
    let condition: Condition = 'absent';
    let uploads = [upload];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const options = { condition, id: uploads.join(' '), contentType: ABORTED };
      const { outcome } = await this.#blobs.commit(key, [], options);
      if (outcome === undefined) return;
      const found = await this.#blobs.head(key);
      if (found !== undefined && (!this.isMark(found) || this.isOf(found, upload))) return;
      condition = found === undefined ? 'absent' : { etag: found.etag };
      uploads = [...(found?.id.split(' ') ?? []), upload].slice(-MOST);
    }
    throw new StorageError('UNAVAILABLE', `${key} is being written by others all the time`);
  }

  /** Removes what need not be remembered any more. Fails silently: it counts as absent anyway. */
  async forget({ key, modified }: ListedBlob): Promise<void> {
    if (Date.now() - modified < REMEMBERED) return;
    try {
      const found = await this.#blobs.head(key);
      if (found !== undefined && this.isMark(found)) await this.#blobs.delete(key, found.etag);
    } catch (error) {
      this.#log.debug({ err: error, key }, 'the mark of an aborted upload stays for now');
    }
  }
}
