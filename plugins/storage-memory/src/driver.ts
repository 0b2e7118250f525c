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
  type WriteOptions,
} from '@entrepot/plugin-sdk';
import { sizeOf, type Memory, type StoredObject, type UnfinishedObject } from './memory.ts';

/**
 * Keeps everything in memory. Bytes are copied on their way in, and never change afterwards. Several drivers may share
 * one {@link Memory}, as several processes would share a backend.
 */
export class MemoryDriver implements StorageDriver {
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  partSize(): number {
    return 1;
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const object = this.#memory.get(key);
    if (object === undefined) return undefined;
    return object.etag === known?.etag ? known : small(object);
  }

  async write(
    key: string,
    bytes: Uint8Array,
    { ifAbsent, ifMatch }: WriteOptions = {},
  ): Promise<SmallObject> {
    expectSmall(bytes);
    const old = this.#memory.get(key);
    if (ifAbsent === true && old !== undefined) {
      throw new StorageError('PRECONDITION_FAILED', `there is an object under ${key} already`);
    }
    if (ifMatch !== undefined && old?.etag !== ifMatch) {
      throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${ifMatch}`);
    }
    return small(this.#memory.put(key, [copyOf([bytes])]));
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    const old = this.#memory.get(key);
    if (ifMatch !== undefined && old !== undefined && old.etag !== ifMatch) {
      throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${ifMatch}`);
    }
    this.#memory.remove(key);
  }

  async list(prefix: string, { startAfter, limit }: ListOptions): Promise<ListPage> {
    return this.#memory.keys(prefix, startAfter, limit);
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const object = this.#memory.get(key);
    if (object === undefined) return undefined;
    const { size, parts } = object;
    const end = Math.min(range?.end ?? size, size);
    const start = Math.min(range?.start ?? 0, end);
    return readerOf(within(parts, start, end), { size, length: end - start });
  }

  async size(key: string): Promise<number | undefined> {
    return this.#memory.get(key)?.size;
  }

  async createUpload(key: string): Promise<string> {
    return this.#memory.begin(key);
  }

  async uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<string> {
    const { id, key, parts } = this.#find(upload);
    this.#memory.keep({ id, key, parts: [...parts, copyOf(part)] });
    return id;
  }

  async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const { id, key, parts } = this.#find(upload);
    const whole = [...parts, copyOf(lastPart)];
    // The last bytes find their space first: without it the upload is still there to be aborted or tried again.
    this.#memory.keep({ id, key, parts: whole });
    this.#memory.forget(id);
    this.#memory.put(key, whole);
  }

  async abortUpload({ state }: Upload): Promise<void> {
    if (typeof state === 'string') this.#memory.forget(state);
  }

  /** The upload as it was in this state of it: parts that came later are left out. */
  #find({ state, offset, parts: count }: Upload): UnfinishedObject {
    const upload = typeof state === 'string' ? this.#memory.upload(state) : undefined;
    const parts = upload?.parts.slice(0, count) ?? [];
    if (upload === undefined || parts.length !== count || sizeOf(parts) !== offset) {
      throw new StorageError('UPLOAD_UNKNOWN', 'this upload is complete, aborted, or older than the process');
    }
    return { ...upload, parts };
  }
}

function small({ parts, etag }: StoredObject): SmallObject {
  const [bytes] = parts;
  return { bytes: parts.length === 1 && bytes !== undefined ? bytes : Buffer.concat(parts), etag };
}

/** One array with the bytes of all chunks, whose memory stays the caller's. */
function copyOf(chunks: readonly Uint8Array[]): Uint8Array {
  const copy = new Uint8Array(sizeOf(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    copy.set(chunk, offset);
    offset += chunk.length;
  }
  return copy;
}

/** The bytes from `start` to `end`, cut out of `parts` without copying. */
async function* within(parts: readonly Uint8Array[], start: number, end: number): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const part of parts) {
    const chunk = part.subarray(Math.max(0, start - offset), Math.max(0, end - offset));
    if (chunk.length > 0) yield chunk;
    offset += part.length;
  }
}
