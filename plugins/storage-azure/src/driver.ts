import {
  expectSmall,
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
import { AbortedUploads } from './aborted-uploads.ts';
import { Blobs, type BlobBody } from './azure/blobs.ts';
import type { Container } from './azure/container.ts';
import { partSizeAt } from './part-size.ts';
import { Uploads } from './uploads.ts';
import { Writes } from './writes.ts';

/** The most keys that are asked for at once. Azure lists 5000 blobs; two more than the keys are needed. */
const KEYS_AT_ONCE = 4998;
/** The most blobs that Azure deletes in one request ("Blob Batch"). */
const DELETED_AT_ONCE = 256;

/**
 * Keeps objects as block blobs in a container. It holds nothing in memory; any number of processes may share the
 * container.
 */
export class AzureDriver implements StorageDriver {
  readonly #container: Container;
  readonly #blobs: Blobs;
  readonly #writes: Writes;
  readonly #aborted: AbortedUploads;
  readonly #uploads: Uploads;
  readonly #smallestPart: number;

  /** `partSize` is that of the first parts of an object, in bytes. */
  constructor(container: Container, partSize: number, log: Logger) {
    this.#container = container;
    this.#smallestPart = partSize;
    this.#blobs = new Blobs(container);
    this.#writes = new Writes(this.#blobs);
    this.#aborted = new AbortedUploads(this.#blobs, log);
    this.#uploads = new Uploads(this.#blobs, this.#aborted);
  }

  partSize(offset: number): number {
    return partSizeAt(offset, this.#smallestPart);
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const { outcome, value } = await this.#blobs.read(key, known?.etag);
    if (outcome === 'unchanged') return known;
    if (value === undefined || this.#aborted.isMark(value)) return undefined;
    return { bytes: value.bytes, etag: value.etag };
  }

  async write(key: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<SmallObject> {
    expectSmall(bytes);
    const etag = await this.#writes.write(key, bytes, options);
    return { bytes: Uint8Array.from(bytes), etag };
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    const { outcome } = await this.#blobs.delete(key, ifMatch);
    if (outcome !== 'refused') return;
    // Azure may say the same of a blob that is not there.
    if ((await this.size(key)) === undefined) return;
    throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${ifMatch ?? ''}`);
  }

  deleteMany(keys: readonly string[]): Promise<ReadonlyMap<string, StorageError>> {
    return deleteInBatches(keys, {
      most: DELETED_AT_ONCE,
      batch: (some) => this.#blobs.deleteBatch(some),
      single: (key) => this.#blobs.delete(key),
    });
  }

  async list(prefix: string, { startAfter = '', limit }: ListOptions): Promise<ListPage> {
    const inside = startAfter.startsWith(prefix);
    if (!inside && startAfter > prefix) return { keys: [], more: false };
    const most = Math.min(limit, KEYS_AT_ONCE);
    const from = inside ? startAfter : '';
    const keys: string[] = [];
    let last = startAfter;
    let next = '';
    do {
      const page = await this.#blobs.list(prefix, { from, next, limit: most + 2 });
      for (const blob of page.blobs) {
        if (blob.key === startAfter) continue;
        // Whoever pages relies on it, and would lose keys without a word.
        if (blob.key <= last)
          throw new StorageError('UNAVAILABLE', `Azure lists ${blob.key} after ${last}: not in byte order`);
        last = blob.key;
        if (this.#aborted.isMark(blob)) await this.#aborted.forget(blob);
        else keys.push(blob.key);
      }
      next = page.next;
    } while (keys.length <= most && next !== '');
    return { keys: keys.slice(0, most), more: keys.length > most };
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const { outcome, value } = await this.#blobs.open(key, range);
    if (outcome === 'pastEnd') return this.#nothingOf(key);
    if (value === undefined) return undefined;
    if (this.#aborted.isMark(value)) {
      value.body.destroy();
      return undefined;
    }
    return this.#reader(key, value, range?.start ?? 0);
  }

  async size(key: string): Promise<number | undefined> {
    const found = await this.#blobs.head(key);
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
    return this.#container.sign(key, expires);
  }

  /** An object opened where it has no bytes. */
  async #nothingOf(key: string): Promise<LargeObject | undefined> {
    const size = await this.size(key);
    if (size === undefined) return undefined;
    return { size, read: async () => undefined, close: async () => undefined };
  }

  #reader(key: string, { body, etag, size, length }: BlobBody, start: number): LargeObject {
    const end = start + length;
    return new ObjectReader(body, {
      size,
      start,
      end,
      patience: this.#container.patience,
      reopen: async (from) => {
        const { value } = await this.#blobs.open(key, { start: from, end }, etag);
        if (value === undefined)
          throw new StorageError('UNAVAILABLE', `${key} was deleted or replaced while it was read`);
        return value.body;
      },
    });
  }
}
