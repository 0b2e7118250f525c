import {
  isStorageKey,
  StorageError,
  type ByteRange,
  type LargeObject,
  type ListOptions,
  type ListPage,
  type Logger,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type UploadState,
  type WriteOptions,
} from '@entrepot/plugin-sdk';
import { AbortedUploads } from './aborted-uploads.ts';
import { lengthOf } from './gcs/body.ts';
import type { Bucket } from './gcs/bucket.ts';
import { Objects, type ObjectBody } from './gcs/objects.ts';
import { ObjectReader } from './object-reader.ts';
import { partSizeAt } from './part-size.ts';
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
import { generationOf, Writes } from './writes.ts';

/** The most keys that are asked for at once. Google lists 1000 objects; two more than the keys are needed. */
const KEYS_AT_ONCE = 998;

/** Keeps objects in a bucket, under their own keys. It holds nothing in memory; any number of processes may share it. */
export class GcsDriver implements StorageDriver {
  readonly #bucket: Bucket;
  readonly #objects: Objects;
  readonly #writes: Writes;
  readonly #parts: Parts;
  readonly #aborted: AbortedUploads;
  readonly #smallestPart: number;
  readonly #log: Logger;

  /** `partSize` is that of the first parts of an object, in bytes. */
  constructor(bucket: Bucket, partSize: number, log: Logger) {
    this.#bucket = bucket;
    this.#smallestPart = partSize;
    this.#log = log;
    this.#objects = new Objects(bucket);
    this.#writes = new Writes(this.#objects);
    this.#parts = new Parts(this.#objects, bucket.names);
    this.#aborted = new AbortedUploads(this.#objects, log);
  }

  partSize(offset: number): number {
    return partSizeAt(offset, this.#smallestPart);
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const generation = known === undefined ? undefined : generationOf(known.etag);
    const { outcome, value } = await this.#objects.read(this.#nameOf(key), generation);
    if (outcome === 'unchanged') return known;
    if (value === undefined || this.#aborted.has(value)) return undefined;
    return { bytes: value.bytes, etag: value.generation };
  }

  async write(key: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<SmallObject> {
    const generation = await this.#writes.write(this.#nameOf(key), bytes, options);
    return { bytes: Uint8Array.from(bytes), etag: generation };
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    const generation = ifMatch === undefined ? undefined : generationOf(ifMatch);
    const { outcome } = await this.#objects.delete(this.#nameOf(key), generation);
    if (outcome !== 'refused') return;
    // The condition does not hold of an object that is not there, either.
    if ((await this.size(key)) === undefined) return;
    throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${ifMatch ?? ''}`);
  }

  async list(prefix: string, { startAfter = '', limit }: ListOptions): Promise<ListPage> {
    const inside = startAfter.startsWith(prefix);
    if (!inside && startAfter > prefix) return { keys: [], more: false };
    const { names } = this.#bucket;
    const most = Math.min(limit, KEYS_AT_ONCE);
    const offset = names.offsetOf(inside ? startAfter : prefix);
    const keys: string[] = [];
    let last = startAfter;
    let next = '';
    do {
      const page = await this.#objects.list(this.#nameOf(prefix), { offset, next, limit: most + 2 });
      for (const object of page.objects) {
        const key = names.keyOf(object.name);
        if (key === startAfter || !isStorageKey(key)) continue;
        // Whoever pages relies on it, and would lose keys without a word.
        if (key <= last)
          throw new StorageError('UNAVAILABLE', `Google lists ${key} after ${last}: not in byte order`);
        last = key;
        if (this.#aborted.has(object)) await this.#aborted.forget(object);
        else keys.push(key);
      }
      next = page.next;
    } while (keys.length <= most && next !== '');
    return { keys: keys.slice(0, most), more: keys.length > most };
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const { outcome, value } = await this.#objects.open(this.#nameOf(key), range);
    if (outcome === 'pastEnd') return this.#nothingOf(key);
    if (value === undefined) return undefined;
    if (this.#aborted.has(value)) {
      value.body.destroy();
      return undefined;
    }
    return this.#reader(key, value, range?.start ?? 0);
  }

  async size(key: string): Promise<number | undefined> {
    const found = await this.#objects.head(this.#nameOf(key));
    return found === undefined || this.#aborted.has(found) ? undefined : found.size;
  }

  async createUpload(): Promise<UploadState> {
    return encodeState(newUpload());
  }

  async uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const state = decodeState(upload);
    const nonce = newNonce();
    await this.#parts.put(state.id, partName(upload.parts, nonce), part);
    return encodeState({ ...state, nonces: [...state.nonces, nonce] });
  }

  /**
   * Crash-safe order: the last bytes are one more part; then all parts become the object in one step, unless there is
   * one already: what is complete is never replaced; then the parts are deleted, which harm nobody while they are there.
   */
  async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const { key, offset } = upload;
    const state = decodeState(upload);
    const length = lengthOf(lastPart);
    const parts = partNames(state);
    if (length > 0 || parts.length === 0) {
      const last = partName(parts.length, newNonce());
      await this.#parts.put(state.id, last, lastPart);
      parts.push(last);
    }
    const options = { condition: 'absent', id: state.id } as const;
    const { outcome } = await this.#parts.compose(state.id, parts, this.#nameOf(key), options);
    const complete = outcome === undefined || (await this.#isComplete(key, state.id, offset + length));
    await this.#clear(state.id);
    if (!complete)
      throw new StorageError('UPLOAD_UNKNOWN', `the upload of ${key} is complete, aborted, or forgotten`);
  }

  async abortUpload({ key, state }: Upload): Promise<void> {
    const parsed = parseState(state);
    if (parsed === undefined) return;
    await this.#aborted.add(this.#nameOf(key), parsed.id);
    await this.#parts.clear(parsed.id);
  }

  /** Whether an upload that cannot be completed is complete, and only the answer was lost: the id tells. */
  async #isComplete(key: string, id: string, size: number): Promise<boolean> {
    const found = await this.#objects.head(this.#nameOf(key));
    return found?.id === id && found.size === size && !this.#aborted.has(found);
  }

  /** What cannot be deleted now is left to the lifecycle rule of the bucket. */
  async #clear(upload: string): Promise<void> {
    try {
      await this.#parts.clear(upload);
    } catch (error) {
      this.#log.debug({ err: error, upload }, 'the parts of an upload that has ended stay for now');
    }
  }

  /** An object opened where it has no bytes. */
  async #nothingOf(key: string): Promise<LargeObject | undefined> {
    const size = await this.size(key);
    if (size === undefined) return undefined;
    return { size, read: async () => undefined, close: async () => undefined };
  }

  #reader(key: string, { body, generation, size, length }: ObjectBody, start: number): LargeObject {
    const end = start + length;
    return new ObjectReader(body, {
      size,
      start,
      end,
      patience: this.#bucket.patience,
      reopen: async (from) => {
        const { value } = await this.#objects.open(this.#nameOf(key), { start: from, end }, generation);
        if (value === undefined)
          throw new StorageError('UNAVAILABLE', `${key} was deleted or replaced while it was read`);
        return value.body;
      },
    });
  }

  #nameOf(key: string): string {
    return this.#bucket.names.nameOf(key);
  }
}
