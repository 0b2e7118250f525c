import { lengthOf, StorageError, type Logger, type Upload, type UploadState } from '@entrepot/plugin-sdk';
import type { AbortedUploads } from './aborted-uploads.ts';
import type { Condition, Objects } from './gcs/objects.ts';
import type { ObjectNames } from './object-names.ts';
import { Parts } from './parts.ts';
import {
  decodeState,
  encodeState,
  newNonce,
  newUpload,
  parseState,
  partName,
  partNames,
} from './upload-state.ts';

/** How often others may come first. */
const TURNS = 10;

export interface UploadsOptions {
  readonly objects: Objects;
  readonly names: ObjectNames;
  readonly aborted: AbortedUploads;
  readonly log: Logger;
}

/** Large objects on their way in. */
export class Uploads {
  readonly #objects: Objects;
  readonly #names: ObjectNames;
  readonly #parts: Parts;
  readonly #aborted: AbortedUploads;
  readonly #log: Logger;

  constructor({ objects, names, aborted, log }: UploadsOptions) {
    this.#objects = objects;
    this.#names = names;
    this.#parts = new Parts(objects, names);
    this.#aborted = aborted;
    this.#log = log;
  }

  /** Asks Google for nothing: an upload is there with its first part. */
  create(): UploadState {
    return encodeState(newUpload());
  }

  async add(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const state = decodeState(upload);
    const nonce = newNonce();
    await this.#parts.put(state.id, partName(upload.parts, nonce), part);
    return encodeState({ ...state, nonces: [...state.nonces, nonce] });
  }

  /**
   * Crash-safe order: the last bytes are one more part; then all parts become the object in one step, unless there is
   * one already: what is complete is never replaced; then the parts are deleted, which harm nobody while they are there.
   */
  async complete(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const { key, offset } = upload;
    const state = decodeState(upload);
    const parts = partNames(state);
    const length = lengthOf(lastPart);
    if (length > 0 || parts.length === 0) {
      const last = partName(parts.length, newNonce());
      await this.#parts.put(state.id, last, lastPart);
      parts.push(last);
    }
    const sources = await this.#parts.gather(state.id, parts);
    const complete = await this.#compose(this.#names.nameOf(key), sources, state.id, offset + length);
    await this.#clear(state.id);
    if (!complete)
      throw new StorageError('UPLOAD_UNKNOWN', `the upload of ${key} is complete, aborted, or forgotten`);
  }

  async abort({ key, state }: Upload): Promise<void> {
    const parsed = parseState(state);
    if (parsed === undefined) return;
    await this.#aborted.add(this.#names.nameOf(key), parsed.id);
    await this.#parts.clear(parsed.id);
  }

  /**
   * Whether the sources are the object now, or were before and only the answer was lost: its id tells. `undefined`
   * stands for sources of which some are gone.
   */
  async #compose(
    name: string,
    sources: readonly string[] | undefined,
    id: string,
    size: number,
  ): Promise<boolean> {
    let condition: Condition = 'absent';
    for (let turn = 0; turn < TURNS; turn += 1) {
      const gone = { outcome: 'absent' } as const;
      const { outcome } =
        sources === undefined ? gone : await this.#objects.compose(name, sources, { condition, id });
      if (outcome === undefined) return true;
      const found = await this.#objects.head(name);
      const isMark = found !== undefined && this.#aborted.isMark(found);
      if (found !== undefined && !isMark) return found.id === id && found.size === size;
      if (outcome === 'absent' || (isMark && this.#aborted.isOf(found, id))) return false;
      condition = isMark ? { generation: found.generation } : 'absent';
    }
    throw new StorageError('UNAVAILABLE', `${name} is being written by others all the time`);
  }

  /** What cannot be deleted now is left to the lifecycle rule of the bucket. */
  async #clear(upload: string): Promise<void> {
    try {
      await this.#parts.clear(upload);
    } catch (error) {
      this.#log.debug({ err: error, upload }, 'the parts of an upload that has ended stay for now');
    }
  }
}
