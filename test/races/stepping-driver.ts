import {
  isStorageError,
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
import type { Call, Stage } from './stage.ts';

/** In what drivers may differ. */
export interface DriverTraits {
  /** Bytes of a part of a large object. */
  readonly partSize: number;
  /** Whether completing what is complete changes nothing; otherwise it is unknown then. */
  readonly completesTwice: boolean;
}

/** A driver whose every call waits until its {@link Stage} lets it go. */
export class SteppingDriver implements StorageDriver {
  readonly #stage: Stage;
  readonly #inner: StorageDriver;
  readonly #traits: DriverTraits;
  readonly #seen = new Map<string, string | undefined>();

  constructor(stage: Stage, inner: StorageDriver, traits: DriverTraits) {
    this.#stage = stage;
    this.#inner = inner;
    this.#traits = traits;
  }

  /** What a process may remember that uses this driver: the versions it has seen last. */
  memory(): string {
    return [...this.#seen].sort().join('\n');
  }

  partSize(): number {
    return this.#traits.partSize;
  }

  read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return this.#call({ verb: 'read', key, perform: () => this.#inner.read(key, known) });
  }

  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    return this.#call({
      verb: options?.ifAbsent === true ? 'create' : options?.ifMatch === undefined ? 'write' : 'replace',
      key,
      perform: () => this.#inner.write(key, bytes, options),
      leaves: 'version',
      sees: () => 'written',
    });
  }

  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.#call({
      verb: 'delete',
      key,
      perform: () => this.#inner.delete(key, options),
      leaves: 'nothing',
      sees: () => 'gone',
    });
  }

  list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#call({
      verb: 'list',
      key: prefix,
      perform: () => this.#inner.list(prefix, options),
      sees: ({ keys }) => keys.map((key) => this.#stage.nameOf(key)).join(' '),
    });
  }

  open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    return this.#call({ verb: 'open', key, perform: () => this.#inner.open(key, range) });
  }

  size(key: string): Promise<number | undefined> {
    return this.#call({ verb: 'size', key, perform: () => this.#inner.size(key) });
  }

  createUpload(key: string): Promise<UploadState> {
    return this.#call({
      verb: 'createUpload',
      key: parts(key),
      perform: () => this.#inner.createUpload(key),
      leaves: 'continuation',
      sees: () => 'begun',
    });
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    return this.#call({
      verb: 'uploadPart',
      key: parts(upload.key),
      perform: () => this.#inner.uploadPart(upload, part),
      leaves: 'continuation',
      sees: () => 'uploaded',
    });
  }

  async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    await this.#call({
      verb: 'completeUpload',
      key: upload.key,
      perform: () => this.#complete(upload, lastPart),
      leaves: 'version',
      sees: () => 'completed',
    });
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#call({
      verb: 'abortUpload',
      key: parts(upload.key),
      perform: () => this.#inner.abortUpload(upload),
      leaves: 'continuation',
      sees: () => 'aborted',
    });
  }

  async #complete(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#inner.completeUpload(upload, lastPart);
    } catch (error) {
      const size = lastPart.reduce((sum, { length }) => sum + length, upload.offset);
      const isComplete = this.#traits.completesTwice && isStorageError(error, 'UPLOAD_UNKNOWN');
      if (!isComplete || (await this.#inner.size(upload.key)) !== size) throw error;
    }
  }

  #call<Result>(call: Omit<Call<Result>, 'remember'>): Promise<Result> {
    return this.#stage.call({ ...call, remember: (name, content) => this.#seen.set(name, content) });
  }
}

/** Where the parts of an unfinished object are told from the object. */
function parts(key: string): string {
  return `${key} (parts)`;
}
