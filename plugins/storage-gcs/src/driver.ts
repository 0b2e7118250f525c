import {
  expectSmall,
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
import { ObjectReader } from '@entrepot/plugin-sdk/buckets';
import { AbortedUploads } from './aborted-uploads.ts';
import type { Bucket } from './gcs/bucket.ts';
import { Objects, type ObjectBody } from './gcs/objects.ts';
import { partSizeAt } from './part-size.ts';
import { Uploads } from './uploads.ts';
import { generationOf, Writes } from './writes.ts';

/** The most keys that are asked for at once. Google lists 1000 objects; two more than the keys are needed. */
const KEYS_AT_ONCE = 998;

/** Keeps objects in a bucket, under their own keys. It holds nothing in memory; any number of processes may share it. */
export class GcsDriver implements StorageDriver {
  readonly #bucket: Bucket;
  readonly #objects: Objects;
  readonly #writes: Writes;
  readonly #aborted: AbortedUploads;
  readonly #uploads: Uploads;
  readonly #smallestPart: number;

  /** `partSize` is that of the first parts of an object, in bytes. */
  constructor(bucket: Bucket, partSize: number, log: Logger) {
    this.#bucket = bucket;
    this.#smallestPart = partSize;
    this.#objects = new Objects(bucket);
    this.#writes = new Writes(this.#objects);
    this.#aborted = new AbortedUploads(this.#objects, log);
    this.#uploads = new Uploads({ objects: this.#objects, names: bucket.names, aborted: this.#aborted, log });
  }

  partSize(offset: number): number {
    return partSizeAt(offset, this.#smallestPart);
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const generation = known === undefined ? undefined : generationOf(known.etag);
    const { outcome, value } = await this.#objects.read(this.#nameOf(key), generation);
    if (outcome === 'unchanged') return known;
    if (value === undefined || this.#aborted.isMark(value)) return undefined;
    return { bytes: value.bytes, etag: value.generation };
  }

  async write(key: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<SmallObject> {
    expectSmall(bytes);
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
        if (this.#aborted.isMark(object)) await this.#aborted.forget(object);
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
    if (this.#aborted.isMark(value)) {
      value.body.destroy();
      return undefined;
    }
    return this.#reader(key, value, range?.start ?? 0);
  }

  async size(key: string): Promise<number | undefined> {
    const found = await this.#objects.head(this.#nameOf(key));
    return found === undefined || this.#aborted.isMark(found) ? undefined : found.size;
  }

  async createUpload(): Promise<UploadState> {
    return this.#uploads.create();
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    return this.#uploads.add(upload, part);
  }

  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    return this.#uploads.complete(upload, lastPart);
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#uploads.abort(upload);
  }

  signUrl(key: string, { expires }: { readonly expires: number }): Promise<string | undefined> {
    return this.#bucket.sign(this.#nameOf(key), expires);
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
