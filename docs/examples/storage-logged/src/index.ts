import {
  definePlugin,
  type ByteRange,
  type JSONSchemaType,
  type ListOptions,
  type Logger,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type WriteOptions,
} from '@entrepot/plugin-sdk';

interface Options {
  readonly slowerThan: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['slowerThan'],
  properties: {
    slowerThan: {
      type: 'number',
      minimum: 0,
      default: 1000,
      description: 'Milliseconds. A call of the storage that takes as long is logged as a warning.',
    },
  },
};

/** Logs the calls of whichever storage driver there is: slow ones as warnings, all of them at level `debug`. */
export default definePlugin<Options, Partial<Options>>({
  name: 'storage-logged',
  schema,
  setup({ name, hooks, options, log }) {
    hooks.wrapStorage.tap(name, (driver) => new LoggedDriver(driver, log, options.slowerThan));
  },
});

class LoggedDriver implements StorageDriver {
  readonly #driver: StorageDriver;
  readonly #log: Logger;
  readonly #slowerThan: number;

  constructor(driver: StorageDriver, log: Logger, slowerThan: number) {
    this.#driver = driver;
    this.#log = log;
    this.#slowerThan = slowerThan;
  }

  partSize = (offset: number) => this.#driver.partSize(offset);

  read = (key: string, known?: SmallObject) => this.#timed('read', key, () => this.#driver.read(key, known));
  write = (key: string, bytes: Uint8Array, options?: WriteOptions) =>
    this.#timed('write', key, () => this.#driver.write(key, bytes, options));
  delete = (key: string, options?: { readonly ifMatch?: string }) =>
    this.#timed('delete', key, () => this.#driver.delete(key, options));
  list = (prefix: string, options: ListOptions) =>
    this.#timed('list', prefix, () => this.#driver.list(prefix, options));
  open = (key: string, range?: ByteRange) => this.#timed('open', key, () => this.#driver.open(key, range));
  size = (key: string) => this.#timed('size', key, () => this.#driver.size(key));

  createUpload = (key: string) => this.#timed('createUpload', key, () => this.#driver.createUpload(key));
  uploadPart = (upload: Upload, part: readonly Uint8Array[]) =>
    this.#timed('uploadPart', upload.key, () => this.#driver.uploadPart(upload, part));
  completeUpload = (upload: Upload, lastPart: readonly Uint8Array[]) =>
    this.#timed('completeUpload', upload.key, () => this.#driver.completeUpload(upload, lastPart));
  abortUpload = (upload: Upload) =>
    this.#timed('abortUpload', upload.key, () => this.#driver.abortUpload(upload));

  /** What a call throws is not logged here: it goes on to who called, who knows what to make of it. */
  async #timed<Result>(call: string, key: string, work: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      const ms = Math.round(performance.now() - began);
      if (ms >= this.#slowerThan) this.#log.warn({ call, key, ms }, 'the storage was slow');
      else this.#log.debug({ call, key, ms }, 'the storage was called');
    }
  }
}
