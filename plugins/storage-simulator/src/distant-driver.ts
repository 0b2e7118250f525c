import {
  lengthOf,
  type ByteRange,
  type LargeObject,
  type ListOptions,
  type ListPage,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type UploadState,
  type WriteOptions,
} from '@entrepot/plugin-sdk';
import type { Passage, StorageCall, Verb } from './passage.ts';

/** A driver whose every call has to take a {@link Passage} to the driver it stands for. */
export class DistantDriver implements StorageDriver {
  readonly #driver: StorageDriver;
  readonly #passage: Passage;
  readonly #partSize: number;

  /** Parts are whole multiples of `partSize` bytes, and of what `driver` asks for. */
  constructor(driver: StorageDriver, passage: Passage, partSize = 1) {
    this.#driver = driver;
    this.#passage = passage;
    this.#partSize = partSize;
  }

  partSize(offset: number): number {
    const own = this.#driver.partSize(offset);
    return Math.ceil(this.#partSize / own) * own;
  }

  read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return this.#pass('read', key, () => this.#driver.read(key, known));
  }

  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    return this.#pass('write', key, () => this.#driver.write(key, bytes, options), bytes.length);
  }

  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.#pass('delete', key, () => this.#driver.delete(key, options));
  }

  list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#pass('list', prefix, () => this.#driver.list(prefix, options));
  }

  open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    return this.#pass('open', key, () => this.#driver.open(key, range));
  }

  size(key: string): Promise<number | undefined> {
    return this.#pass('size', key, () => this.#driver.size(key));
  }

  createUpload(key: string): Promise<UploadState> {
    return this.#pass('createUpload', key, () => this.#driver.createUpload(key));
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const perform = (): Promise<UploadState> => this.#driver.uploadPart(upload, part);
    return this.#pass('uploadPart', upload.key, perform, lengthOf(part));
  }

  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const perform = (): Promise<void> => this.#driver.completeUpload(upload, lastPart);
    return this.#pass('completeUpload', upload.key, perform, lengthOf(lastPart));
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#pass('abortUpload', upload.key, () => this.#driver.abortUpload(upload));
  }

  #pass<Answer>(verb: Verb, key: string, perform: () => Promise<Answer>, bytes = 0): Promise<Answer> {
    const call: StorageCall = { verb, key, bytes };
    return this.#passage.pass(call, perform);
  }
}
