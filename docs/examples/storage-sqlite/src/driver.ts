import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  expectSmall,
  readerOf,
  StorageError,
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
import { joined, type Database } from './database.ts';
import type { Answer } from './worker.ts';

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: StorageError) => void;
}

/**
 * Keeps objects in one SQLite file, which several processes may use. SQLite blocks the thread that calls it, so it is
 * called in a thread of its own.
 */
export class SqliteDriver implements StorageDriver {
  readonly #file: string;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #asked = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws StorageError when the database cannot be opened. */
  async start(): Promise<void> {
    // Beside this file, which is TypeScript in the source and JavaScript once it is built.
    const script = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url);
    this.#thread = new Worker(script, { workerData: this.#file })
      .on('message', (answer: Answer) => this.#settle(answer))
      .on('error', (error) => this.#fail('the database cannot be used', error))
      .on('exit', () => this.#fail('the database has been closed'));
    await this.health();
  }

  /** @throws StorageError when the database does not answer. */
  async health(): Promise<void> {
    await this.#ask('list', '', '', 1);
  }

  async stop(): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined) return;
    // Questions are answered in their order, so the earlier ones have their answers by now.
    await this.#ask('close');
    this.#thread = undefined;
    await thread.terminate();
  }

  partSize(): number {
    return 1;
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const found = await this.#ask('read', key, known?.etag);
    if (found === undefined) return undefined;
    return found.bytes === undefined ? known : { etag: found.etag, bytes: found.bytes };
  }

  async write(key: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<SmallObject> {
    expectSmall(bytes);
    const copy = joined([bytes]);
    return { bytes: copy, etag: await this.#ask('write', key, copy, options) };
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    await this.#ask('remove', key, ifMatch);
  }

  async list(prefix: string, { startAfter = '', limit }: ListOptions): Promise<ListPage> {
    const keys = await this.#ask('list', prefix, startAfter, limit + 1);
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const found = await this.#ask('find', key);
    if (found === undefined) return undefined;
    const { size, version } = found;
    const end = Math.min(range?.end ?? size, size);
    const start = Math.min(range?.start ?? 0, end);
    // When the object is deleted meanwhile, the pieces end early, and the reader says so.
    return readerOf(this.#pieces(version, start, end), { size, length: end - start });
  }

  async size(key: string): Promise<number | undefined> {
    return (await this.#ask('find', key))?.size;
  }

  createUpload(): Promise<UploadState> {
    return this.#ask('begin');
  }

  async uploadPart({ offset, state }: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    await this.#ask('add', versionOf(state), offset, joined(part));
    return state;
  }

  async completeUpload({ key, offset, state }: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    await this.#ask('complete', versionOf(state), key, offset, joined(lastPart));
  }

  async abortUpload({ state }: Upload): Promise<void> {
    await this.#ask('abort', versionOf(state));
  }

  async *#pieces(version: string, start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let offset = start; offset < end;) {
      const piece = await this.#ask('piece', version, offset);
      const bytes = piece?.bytes.subarray(offset - piece.start, end - piece.start) ?? new Uint8Array();
      if (bytes.length === 0) return;
      yield bytes;
      offset += bytes.length;
    }
  }

  /** Calls a function of the database in its thread. */
  #ask<Verb extends keyof Database>(
    verb: Verb,
    ...args: Parameters<Database[Verb]>
  ): Promise<ReturnType<Database[Verb]>> {
    return new Promise((resolve, reject) => {
      if (this.#thread === undefined) throw new StorageError('UNAVAILABLE', 'the database is not open');
      this.#asked += 1;
      this.#waiting.set(this.#asked, { resolve, reject });
      this.#thread.postMessage({ id: this.#asked, verb, args });
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new StorageError(answer.error.code, answer.error.message));
    else waiting?.resolve(answer.result);
  }

  #fail(message: string, cause?: unknown): void {
    this.#thread = undefined;
    for (const { reject } of this.#waiting.values())
      reject(new StorageError('UNAVAILABLE', message, { cause }));
    this.#waiting.clear();
  }
}

/** What `createUpload` has returned. Nothing is found under anything else. */
function versionOf(state: UploadState): string {
  return typeof state === 'string' ? state : '';
}
