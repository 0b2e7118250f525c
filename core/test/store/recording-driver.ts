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
import { Memory, MemoryDriver } from '@entrepot/storage-memory';

export type Verb = Exclude<keyof StorageDriver, 'partSize'>;

/** One call of the driver. */
export interface Call {
  readonly verb: Verb;
  readonly key: string;
  /** What is under the key: `record`, `link`, `manifest`, `tag` … */
  readonly kind: string;
  /** `write record`: how a call reads in a test. */
  readonly text: string;
  isSettled: boolean;
  /** How many calls had begun when this one settled. */
  settledAt: number;
}

/** A driver in memory that remembers what it was asked, and asks a test before it does it. */
export class RecordingDriver implements StorageDriver {
  readonly memory: Memory;
  readonly #driver: MemoryDriver;
  readonly #partSize: number;
  /** Uploads that have begun and are neither complete nor aborted. */
  readonly openUploads = new Set<UploadState>();
  calls: Call[] = [];
  /** Lengths of the parts that were uploaded, the last ones included. */
  parts: number[] = [];
  /** Called before a call is done: it may wait, or throw in its place. */
  before: (call: Call) => Promise<void> | void = () => undefined;
  /** Called after a call was done: it may throw, and the answer is lost. */
  after: (call: Call) => Promise<void> | void = () => undefined;

  constructor({ memory = new Memory(1024 ** 3), partSize = 1 } = {}) {
    this.memory = memory;
    this.#driver = new MemoryDriver(memory);
    this.#partSize = partSize;
  }

  /** What was asked, in the order in which it began, since {@link forget}. */
  get texts(): string[] {
    return this.calls.map(({ text }) => text);
  }

  /** What was asked that changes storage. */
  get changes(): string[] {
    return this.texts.filter((text) => !/^(?:read|size|list|open) /.test(text));
  }

  forget(): void {
    this.calls = [];
    this.parts = [];
  }

  /** Whether every call `first` had settled before any call `second` began. False when there was none of either. */
  isBefore(first: string, second: string): boolean {
    const [ones, others] = [first, second].map((text) => this.calls.filter((call) => call.text === text));
    if (ones === undefined || others === undefined || ones.length === 0 || others.length === 0) return false;
    const begun = Math.min(...others.map((call) => this.calls.indexOf(call)));
    return ones.every((call) => call.isSettled && call.settledAt <= begun);
  }

  partSize(): number {
    return this.#partSize;
  }

  read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    return this.#call('read', key, () => this.#driver.read(key, known));
  }

  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    return this.#call('write', key, () => this.#driver.write(key, bytes, options));
  }

  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    return this.#call('delete', key, () => this.#driver.delete(key, options));
  }

  list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#call('list', prefix, () => this.#driver.list(prefix, options));
  }

  open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    return this.#call('open', key, () => this.#driver.open(key, range));
  }

  size(key: string): Promise<number | undefined> {
    return this.#call('size', key, () => this.#driver.size(key));
  }

  createUpload(key: string): Promise<UploadState> {
    return this.#call('createUpload', key, async () => {
      const state = await this.#driver.createUpload(key);
      this.openUploads.add(state);
      return state;
    });
  }

  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    this.parts.push(lengthOf(part));
    return this.#call('uploadPart', upload.key, () => this.#driver.uploadPart(upload, part));
  }

  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    this.parts.push(lengthOf(lastPart));
    return this.#call('completeUpload', upload.key, async () => {
      await this.#driver.completeUpload(upload, lastPart);
      this.openUploads.delete(upload.state);
    });
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#call('abortUpload', upload.key, async () => {
      await this.#driver.abortUpload(upload);
      this.openUploads.delete(upload.state);
    });
  }

  async #call<Result>(verb: Verb, key: string, work: () => Promise<Result>): Promise<Result> {
    const kind = kindOf(key);
    const call: Call = { verb, key, kind, text: `${verb} ${kind}`, isSettled: false, settledAt: -1 };
    this.calls.push(call);
    try {
      await this.before(call);
      const result = await work();
      await this.after(call);
      return result;
    } finally {
      call.isSettled = true;
      call.settledAt = this.calls.length;
    }
  }
}

const kinds: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/^catalog\//, 'catalog'],
  [/^deleted-tags\//, 'deleted tag'],
  [/^blobs\//, 'record'],
  [/^data\//, 'data'],
  [/^uploads\//, 'session'],
  [/^tails\//, 'tail'],
  [/^secrets\//, 'secret'],
  [/^collection\//, 'lease'],
  [/^repos\/$/, 'repositories'],
  [/^repos\/[^/]+\/manifests\//, 'manifest'],
  [/^repos\/[^/]+\/tags\//, 'tag'],
  [/^repos\/[^/]+\/referrers\//, 'referrer'],
  [/^repos\/[^/]+\/blobs\//, 'link'],
];

/** @throws Error for a key of a kind nobody has told this file about. */
function kindOf(key: string): string {
  const found = kinds.find(([pattern]) => pattern.test(key));
  if (found === undefined) throw new Error(`what is under ${key}?`);
  return found[1];
}
