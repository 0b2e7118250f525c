import {
  expectSmall,
  lengthOf,
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
import { deleteInBatches, ObjectReader } from '@entrepot/plugin-sdk/buckets';
import { newMark } from './mark.ts';
import { partSizeAt } from './part-size.ts';
import type { S3 } from './s3/client.ts';
import { MultipartUploads } from './s3/multipart-uploads.ts';
import { Objects, type ObjectBody } from './s3/objects.ts';
import { completeWithoutSurplus } from './surplus-parts.ts';
import { isBeingRemoved, Tombstones, tombstoneSize } from './tombstones.ts';
import { decodeState, encodeState } from './upload-state.ts';
import { Writes } from './writes.ts';

/** The most keys S3 lists, or deletes, at once. */
const KEYS_AT_ONCE = 1000;

/** Keeps objects in an S3 bucket, under their own keys. It holds nothing in memory; any number of processes may share it. */
export class S3Driver implements StorageDriver {
  readonly #s3: S3;
  readonly #objects: Objects;
  readonly #uploads: MultipartUploads;
  readonly #writes: Writes;
  readonly #tombstones: Tombstones;
  readonly #smallestPart: number;

  /** `partSize` is that of the first parts of an object, in bytes. */
  constructor(s3: S3, partSize: number, log: Logger) {
    this.#s3 = s3;
    this.#smallestPart = partSize;
    this.#objects = new Objects(s3);
    this.#uploads = new MultipartUploads(s3);
    this.#writes = new Writes(s3, this.#objects);
    this.#tombstones = new Tombstones(s3, this.#objects, log);
  }

  partSize(offset: number): number {
    return partSizeAt(offset, this.#smallestPart);
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const { outcome, value } = await this.#objects.read(key, known?.etag);
    if (outcome === 'unchanged') return known;
    if (value === undefined || value.mark.tombstone) return undefined;
    return { bytes: value.bytes, etag: value.etag };
  }

  async write(key: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<SmallObject> {
    expectSmall(bytes);
    const etag = await this.#writes.write(key, bytes, options);
    return { bytes: Uint8Array.from(bytes), etag };
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    if (ifMatch === undefined) await this.#objects.delete(key);
    else await this.#tombstones.delete(key, ifMatch);
  }

  deleteMany(keys: readonly string[]): Promise<ReadonlyMap<string, StorageError>> {
    return deleteInBatches(keys, {
      most: KEYS_AT_ONCE,
      batch: (some) => this.#objects.deleteBatch(some),
      single: (key) => this.#objects.delete(key),
    });
  }

  async list(prefix: string, { startAfter = '', limit }: ListOptions): Promise<ListPage> {
    for (let after = startAfter; ;) {
      const { objects, more } = await this.#objects.list(prefix, after, Math.min(limit, KEYS_AT_ONCE));
      const keys: string[] = [];
      for (const { key, size } of objects) {
        // Whoever pages relies on it, and would lose keys without a word.
        if (key <= after)
          throw new StorageError('UNAVAILABLE', `S3 lists ${key} after ${after}: not in byte order`);
        after = key;
        if (size !== tombstoneSize || (await this.#isThere(key))) keys.push(key);
      }
      if (keys.length > 0 || !more) return { keys, more };
      if (objects.length === 0)
        throw new StorageError('UNAVAILABLE', 'S3 lists no keys, and says that there are more');
    }
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const { outcome, value } = await this.#objects.open(key, range);
    if (outcome === 'pastEnd') return this.#nothingOf(key);
    if (value === undefined) return undefined;
    if (value.mark.tombstone) {
      value.body.destroy();
      return undefined;
    }
    const start = range?.start ?? 0;
    return this.#reader(key, value, start);
  }

  async size(key: string): Promise<number | undefined> {
    const found = await this.#objects.head(key);
    return found === undefined || found.mark.tombstone ? undefined : found.size;
  }

  async createUpload(key: string): Promise<UploadState> {
    const mark = newMark();
    const id = await this.#uploads.create(key, mark);
    return encodeState({ id, mark: mark.id, parts: [] });
  }

  async uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const state = decodeState(upload);
    const uploaded = await this.#uploads.uploadPart(upload.key, state.id, upload.parts + 1, part);
    return encodeState({ ...state, parts: [...state.parts, uploaded] });
  }

  /** The last bytes are one more part; then the parts become the object in one step. Nothing is copied. */
  async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const { key, offset } = upload;
    const { id, mark, parts } = decodeState(upload);
    const length = lengthOf(lastPart);
    const all = [...parts];
    if (length > 0 || all.length === 0) {
      all.push(await this.#uploads.uploadPart(key, id, all.length + 1, lastPart));
    }
    const { outcome } = await this.#uploads.complete(key, id, all);
    if (outcome === undefined) return;
    // An upload is forgotten also when it has been completed, and only the answer was lost: the mark tells.
    const found = await this.#objects.head(key);
    const size = offset + length;
    if (found?.mark.id === mark && found.size === size) return;
    await completeWithoutSurplus(this.#uploads, { key, id, mark, parts: all, size, last: lastPart });
  }

  async abortUpload(upload: Upload): Promise<void> {
    await this.#uploads.abort(upload.key, decodeState(upload).id);
  }

  signUrl(key: string, { expires }: { readonly expires: number }): Promise<string> {
    return this.#objects.sign(key, expires);
  }

  /** Whether an object as long as a tombstone is none. A tombstone that was left behind is cleared away. */
  async #isThere(key: string): Promise<boolean> {
    const found = await this.#objects.head(key);
    if (found?.mark.tombstone !== true) return found !== undefined;
    if (!isBeingRemoved(found)) await this.#tombstones.clear(key, found);
    return false;
  }

  /** An object opened where it has no bytes. */
  async #nothingOf(key: string): Promise<LargeObject | undefined> {
    const size = await this.size(key);
    if (size === undefined) return undefined;
    return { size, read: async () => undefined, close: async () => undefined };
  }

  #reader(key: string, { body, etag, size, length }: ObjectBody, start: number): LargeObject {
    const end = start + length;
    return new ObjectReader(body, {
      size,
      start,
      end,
      patience: this.#s3.patience,
      reopen: async (from) => {
        const { value } = await this.#objects.open(key, { start: from, end }, etag);
        if (value === undefined)
          throw new StorageError('UNAVAILABLE', `${key} was deleted or replaced while it was read`);
        return value.body;
      },
    });
  }
}
