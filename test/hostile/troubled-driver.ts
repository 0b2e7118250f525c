import {
  definePlugin,
  StorageError,
  type ByteRange,
  type LargeObject,
  type ListOptions,
  type ListPage,
  type Plugin,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type UploadState,
  type WriteOptions,
} from '@entrepot/plugin-sdk';

/** What may be wrong with a backend. */
export type Trouble =
  /** Every call fails. */
  | 'unavailable'
  /** Every call fails with what no driver should throw: a mistake in its program. */
  | 'broken'
  /** What needs space fails. */
  | 'full'
  /** No call comes back. */
  | 'hanging'
  /** Each large object gives a few bytes and then fails. */
  | 'breaking off';

/** What an error of the backend says and no client may read. */
export const secrets = ['/srv/registry', 'EIO', 'backend-7.internal'] as const;

/** A backend that can be made ill and well again. */
export class Backend {
  trouble: Trouble | undefined;
  /** Calls the backend has been asked for since it was made. */
  calls = 0;
  /** Large objects that are open. */
  open = 0;

  async call<Result>(needsSpace: boolean, work: () => Promise<Result>): Promise<Result> {
    this.calls += 1;
    switch (this.trouble) {
      case 'unavailable':
        throw new StorageError('UNAVAILABLE', secrets.join(' '));
      case 'broken':
        throw new TypeError(secrets.join(' '));
      case 'full':
        if (needsSpace) throw new StorageError('NO_SPACE', secrets.join(' '));
        return work();
      case 'hanging':
        return new Promise<Result>(() => undefined);
      case 'breaking off':
      case undefined:
        return work();
    }
  }

  /** Wraps the storage of a registry, and says whether it is well. */
  get plugin(): Plugin {
    return definePlugin<Record<string, never>>({
      name: 'troubled-backend',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup: ({ name, hooks }) => {
        hooks.wrapStorage.tap(name, (driver) => new TroubledDriver(driver, this));
        return { health: () => this.call(false, async () => undefined) };
      },
    })();
  }
}

class TroubledDriver implements StorageDriver {
  readonly #driver: StorageDriver;
  readonly #backend: Backend;

  constructor(driver: StorageDriver, backend: Backend) {
    this.#driver = driver;
    this.#backend = backend;
  }

  partSize(offset: number): number {
    return this.#driver.partSize(offset);
  }

  read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return this.#backend.call(false, () => this.#driver.read(key, known));
  }

  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    return this.#backend.call(true, () => this.#driver.write(key, bytes, options));
  }

  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.#backend.call(false, () => this.#driver.delete(key, options));
  }

  list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#backend.call(false, () => this.#driver.list(prefix, options));
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const object = await this.#backend.call(false, () => this.#driver.open(key, range));
    if (object === undefined) return undefined;
    this.#backend.open += 1;
    let reads = 0;
    let isOpen = true;
    return {
      size: object.size,
      read: async () => {
        reads += 1;
        if (reads > 1 && this.#backend.trouble === 'breaking off')
          throw new StorageError('UNAVAILABLE', secrets[0]);
        return this.#backend.call(false, () => object.read());
      },
      close: async () => {
        this.#backend.open -= isOpen ? 1 : 0;
        isOpen = false;
        await object.close();
      },
    };
  }

  size(key: string): Promise<number | undefined> {
    return this.#backend.call(false, () => this.#driver.size(key));
  }

  createUpload(key: string): Promise<UploadState> {
    return this.#backend.call(true, () => this.#driver.createUpload(key));
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    return this.#backend.call(true, () => this.#driver.uploadPart(upload, part));
  }

  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    return this.#backend.call(true, () => this.#driver.completeUpload(upload, lastPart));
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#backend.call(false, () => this.#driver.abortUpload(upload));
  }
}
