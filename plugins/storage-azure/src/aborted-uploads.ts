import type { Logger } from '@entrepot/plugin-sdk';
import type { Blobs, ListedBlob } from './azure/blobs.ts';

/** The type of the empty blob that an aborted upload leaves behind. */
const ABORTED = 'application/x-entrepot-aborted-upload';

/** Milliseconds for which an abortion is remembered: well beyond the longest an upload may take (see UploadState). */
const REMEMBERED = 60 * 24 * 3600 * 1000;

/**
 * Uploads that can be completed no more.
 *
 * Azure has no request to drop the blocks of an upload. What drops them is another commit; so an upload is aborted by
 * committing no blocks at all, under If-None-Match: *, as the completion is: whichever of the two comes first wins, and
 * what is complete stays as it is. The empty blob that this makes counts as absent, by its type, which every request
 * and every list tell. It stays, because of a process that has lost the upload without knowing it: it might upload all
 * parts anew and complete them. Lists remove it once no upload can be that old.
 */
export class AbortedUploads {
  readonly #blobs: Blobs;
  readonly #log: Logger;

  constructor(blobs: Blobs, log: Logger) {
    this.#blobs = blobs;
    this.#log = log;
  }

  has({ contentType }: Pick<ListedBlob, 'contentType'>): boolean {
    return contentType === ABORTED;
  }

  async add(key: string, id: string): Promise<void> {
    await this.#blobs.commit(key, [], { condition: 'absent', id, contentType: ABORTED });
  }

  /** Removes what need not be remembered any more. Fails silently: it counts as absent anyway. */
  async forget({ key, modified }: ListedBlob): Promise<void> {
    if (Date.now() - modified < REMEMBERED) return;
    try {
      const found = await this.#blobs.head(key);
      if (found !== undefined && this.has(found)) await this.#blobs.delete(key, found.etag);
    } catch (error) {
      this.#log.debug({ err: error, key }, 'the mark of an aborted upload stays for now');
    }
  }
}
