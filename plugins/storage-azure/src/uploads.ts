import { lengthOf, StorageError, type Upload, type UploadState } from '@entrepot/plugin-sdk';
import type { AbortedUploads } from './aborted-uploads.ts';
import type { Blobs, Condition } from './azure/blobs.ts';
import {
  blockId,
  blockIds,
  decodeState,
  encodeState,
  newNonce,
  newUpload,
  parseState,
} from './upload-state.ts';

/** How often others may come first. */
const TURNS = 10;

/** Large objects on their way in, as blocks that belong to no blob until they are committed. */
export class Uploads {
  readonly #blobs: Blobs;
  readonly #aborted: AbortedUploads;

  constructor(blobs: Blobs, aborted: AbortedUploads) {
    this.#blobs = blobs;
    this.#aborted = aborted;
  }

  /** Asks Azure for nothing: an upload is there with its first block. */
  create(): UploadState {
    return encodeState(newUpload());
  }

  async add(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const state = decodeState(upload);
    const nonce = newNonce();
    await this.#blobs.stage(upload.key, blockId(state, upload.parts, nonce), part);
    return encodeState({ ...state, nonces: [...state.nonces, nonce] });
  }

  /**
   * The last bytes are one more block; then the blocks become the blob in one step, unless there is one already: what
   * has been committed is never committed again. Nothing is copied.
   */
  async complete(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const { key, offset } = upload;
    const state = decodeState(upload);
    const blocks = blockIds(state);
    const length = lengthOf(lastPart);
    if (length > 0) {
      const block = blockId(state, blocks.length, newNonce());
      await this.#blobs.stage(key, block, lastPart);
      blocks.push(block);
    }
    if (!(await this.#commit(key, blocks, state.id, offset + length)))
      throw new StorageError('UPLOAD_UNKNOWN', `the upload of ${key} is complete, aborted, or forgotten`);
  }

  async abort({ key, state }: Upload): Promise<void> {
    const parsed = parseState(state);
    if (parsed !== undefined) await this.#aborted.add(key, parsed.id);
  }

  /** Whether the blocks are the blob now, or were before and only the answer was lost: its id tells. */
  async #commit(key: string, blocks: readonly string[], id: string, size: number): Promise<boolean> {
    let condition: Condition = 'absent';
    for (let turn = 0; turn < TURNS; turn += 1) {
      const { outcome } = await this.#blobs.commit(key, blocks, { condition, id });
      if (outcome === undefined) return true;
      const found = await this.#blobs.head(key);
      const isMark = found !== undefined && this.#aborted.isMark(found);
      if (found !== undefined && !isMark) return found.id === id && found.size === size;
      if (outcome === 'forgotten' || (isMark && this.#aborted.isOf(found, id))) return false;
      condition = isMark ? { etag: found.etag } : 'absent';
    }
    throw new StorageError('UNAVAILABLE', `${key} is being written by others all the time`);
  }
}
