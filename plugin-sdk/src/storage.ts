import { StorageError } from './errors.ts';

/**
 * The storage driver contract: bytes under keys in one backend.
 *
 * Small objects travel as bytes and are atomic; large objects are written once, in parts, possibly by several
 * processes in turn. What a driver promises is written at each method; the conformance kit holds it to every sentence.
 *
 * - **Atomic**: no reader sees half an object; a failed `write` or `completeUpload` leaves the old object or nothing.
 * - **Consistent**: a finished write or delete is seen by the next `read`, `open` and `list`, from any process.
 * - **Durable**: what has been answered survives the death of the process, and, unless `transient`, loss of power.
 * - **Conditions**: `ifAbsent` has one winner; `ifMatch` never loses an update and never matches a missing key.
 * - **Absence is a value** (`undefined`), never an error; an error is never absence.
 *
 * Core promises in turn: keys satisfy {@link isStorageKey}, no key is a folder of another, the keys of large objects
 * are never reused, and small objects are never byte-identical twice under one key (they carry a nonce), so an etag
 * derived from content cannot suffer from A-B-A.
 */
export interface StorageDriver {
  /**
   * How long a part that starts at `offset` has to be, in bytes: each `uploadPart` carries a positive multiple of it;
   * only the bytes given to `completeUpload` may have any length. `1` means that parts of any length will do. The
   * answer depends on the offset alone, so that every process gives the same.
   */
  partSize(offset: number): number;

  /**
   * The object under `key`, or `undefined` when there is none. `known` is what an earlier `read` or `write` of this
   * driver returned for the key: a driver that can tell cheaply that nothing has changed may return `known` itself.
   * It is a means to be faster, never to be stale.
   */
  read(key: string, known?: SmallObject): Promise<SmallObject | undefined>;

  /**
   * Creates or replaces a small object (at most 16 MiB) atomically. The bytes are the driver's until it has settled.
   * @throws StorageError `PRECONDITION_FAILED` when the condition does not hold; nothing has been written then.
   *   RangeError when it has more bytes than a small object may have.
   */
  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject>;

  /**
   * Removes an object, small or large. Removing what is absent is no error, also under a condition.
   * @throws StorageError `PRECONDITION_FAILED` when `ifMatch` is given and the object has another etag.
   */
  delete(key: string, options?: { readonly ifMatch?: string }): Promise<void>;

  /** Keys that start with `prefix` and come after `startAfter`, in byte order (`a-b` before `a/b`). */
  list(prefix: string, options: ListOptions): Promise<ListPage>;

  /**
   * Opens an object, small or large, for reading in order. A `range` that reaches past the end is cut there; one that
   * begins there or later has no bytes. `undefined` when there is no such object. When it is deleted or replaced while
   * it is open, either all bytes of the version that was opened are read, or `read` throws `UNAVAILABLE`.
   */
  open(key: string, range?: ByteRange): Promise<LargeObject | undefined>;

  /** Bytes of the object, small or large, without reading it. `undefined` when there is no such object. */
  size(key: string): Promise<number | undefined>;

  /** Begins a large object. It is not visible under `key` before `completeUpload` has succeeded. */
  createUpload(key: string): Promise<UploadState>;

  /**
   * Adds the bytes that belong at `upload.offset` and returns the state to go on from. The call may be repeated with
   * the same `upload` after a failure: the later bytes then count. The chunks are the driver's until it has settled.
   * An upload may also go back to an earlier state of it: what was added after that state does not count.
   * @throws StorageError `UPLOAD_UNKNOWN` when the backend has forgotten the upload.
   */
  uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState>;

  /**
   * Adds the last bytes (none, if at least one part was uploaded) and makes the object visible, whole and durable.
   * Completing what is complete already throws or changes nothing.
   * @throws StorageError `UPLOAD_UNKNOWN` when the backend has forgotten the upload.
   */
  completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void>;

  /**
   * Gives the space of an unfinished upload back: its parts are forgotten, and it can be completed no more.
   * Aborting what is finished or gone is no error and harms nothing.
   */
  abortUpload(upload: Upload): Promise<void>;

  /**
   * A URL that gives the bytes of this object, whole or by range, to whoever GETs it without credentials: until
   * `expires` seconds have passed at most, and it opens nothing else. `undefined` when the driver's own credentials
   * cannot sign. Nobody asks whether there is such an object. A means to be faster: drivers may leave it out, and one
   * that is wrapped loses it unless the wrapper passes it on.
   */
  signUrl?(key: string, options: { readonly expires: number }): Promise<string | undefined>;

  /**
   * Gives a large object a second key without copying a byte of it, durable when it is answered. Either key can be
   * deleted, and the object under the other stays. Whether it did: there is nothing to give when nothing is under
   * `from`, and an object that is under `to` already stays as it is. Drivers whose backend has no such thing leave it
   * out, and one that is wrapped loses it unless the wrapper passes it on.
   */
  link?(from: string, to: string): Promise<boolean>;

  /**
   * Removes objects, small or large, whose keys are never used again, a thousand at most, in fewer requests than as
   * many calls of {@link delete}. Gives those that may still be there, each with its reason; what is absent is none of
   * them. A means to be faster, like {@link signUrl}: drivers and wrappers may leave it out.
   */
  deleteMany?(keys: readonly string[]): Promise<ReadonlyMap<string, StorageError>>;
}

/** The most bytes a small object may have. */
export const largestSmallObject = 16 * 1024 * 1024;

/** For drivers, before they write. @throws RangeError when these are more bytes than a small object may have. */
export function expectSmall(bytes: Uint8Array): void {
  if (bytes.length > largestSmallObject)
    throw new RangeError(`a small object has at most ${largestSmallObject} bytes, not ${bytes.length}`);
}

/** A whole small object and the name of this version of it. */
export interface SmallObject {
  /** Not to be changed. */
  readonly bytes: Uint8Array;
  /** Opaque; another version of the object has another etag. */
  readonly etag: string;
}

/** At most one condition. */
export interface WriteOptions {
  /** Write only if there is no object under the key. */
  readonly ifAbsent?: boolean;
  /** Write only if the object's etag is this one. */
  readonly ifMatch?: string;
  /** May be lost by a loss of power, never by the death of a process. A means to be faster: drivers may ignore it. */
  readonly transient?: boolean;
}

export interface ListOptions {
  readonly startAfter?: string;
  /** The most keys to return, at least 1. */
  readonly limit: number;
}

export interface ListPage {
  readonly keys: readonly string[];
  /** Whether more keys follow the last one. A page may be short and still have more after it, but never empty then. */
  readonly more: boolean;
}

/** Half-open: `start` is the first byte, `end` the one after the last. Core asks for one byte at least: `start < end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An open large object. Its owner calls `close`, whatever happened. */
export interface LargeObject {
  /** Bytes of the whole object, whatever the range. */
  readonly size: number;
  /**
   * The next bytes, or `undefined` at the end of the range. They are the caller's only until the next call of `read`
   * or `close`, so a driver may reuse its buffers.
   * @throws StorageError `UNAVAILABLE` when the backend gives fewer bytes than `size` promised.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Lets go of all resources, also in the middle of the object. Closing twice is no error. */
  close(): Promise<void>;
}

/** Whatever a driver needs to go on with an upload from any process: plain JSON. */
export type UploadState = JsonValue;
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** An upload in progress, as kept by core between calls. */
export interface Upload {
  readonly key: string;
  /** Bytes uploaded so far. */
  readonly offset: number;
  /** Parts uploaded so far. */
  readonly parts: number;
  /** What the last call for this upload returned. */
  readonly state: UploadState;
}

const KEY = /^[A-Za-z0-9._~-]{1,255}(?:\/[A-Za-z0-9._~-]{1,255})*$/;

/**
 * Whether core may use `key`: segments of `[A-Za-z0-9._~-]`, 1 to 255 bytes each, joined by `/`; none is `.` or `..`;
 * at most 768 bytes in all. The clouds allow 1024: what is left is room for a driver's prefix.
 */
export function isStorageKey(key: string): boolean {
  return key.length <= 768 && KEY.test(key) && !/(?:^|\/)\.\.?(?:\/|$)/.test(key);
}

/**
 * Makes a {@link LargeObject} of anything that yields bytes, a Node stream for instance. It counts: a body that ends
 * before `length` bytes have come throws `UNAVAILABLE`.
 */
export function readerOf(
  body: AsyncIterable<Uint8Array> & { destroy?(): unknown },
  { size, length }: { readonly size: number; readonly length: number },
): LargeObject {
  const chunks: AsyncIterator<Uint8Array, unknown> = body[Symbol.asyncIterator]();
  let missing = length;
  return {
    size,
    async read() {
      const next = await chunks.next();
      if (next.done === true) {
        if (missing > 0) throw new StorageError('UNAVAILABLE', `the object ended ${missing} bytes early`);
        return undefined;
      }
      missing -= next.value.length;
      return next.value;
    },
    async close() {
      await chunks.return?.();
      // A stream nobody has read from does not notice `return`.
      body.destroy?.();
    },
  };
}

/** Bytes of all chunks. */
export function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** `driver` with some of its methods replaced; all others are its own, those among them that only some drivers have. */
export function withMethods(driver: StorageDriver, replaced: Partial<StorageDriver>): StorageDriver {
  return {
    partSize: (offset) => driver.partSize(offset),
    read: (key, known) => driver.read(key, known),
    write: (key, bytes, options) => driver.write(key, bytes, options),
    delete: (key, options) => driver.delete(key, options),
    list: (prefix, options) => driver.list(prefix, options),
    open: (key, range) => driver.open(key, range),
    size: (key) => driver.size(key),
    createUpload: (key) => driver.createUpload(key),
    uploadPart: (upload, part) => driver.uploadPart(upload, part),
    completeUpload: (upload, lastPart) => driver.completeUpload(upload, lastPart),
    abortUpload: (upload) => driver.abortUpload(upload),
    ...(driver.signUrl === undefined
      ? {}
      : {
          signUrl: async (key: string, options: { readonly expires: number }) =>
            driver.signUrl?.(key, options),
        }),
    ...(driver.link === undefined
      ? {}
      : { link: async (from: string, to: string) => (await driver.link?.(from, to)) ?? false }),
    ...(driver.deleteMany === undefined ? {} : { deleteMany: driver.deleteMany.bind(driver) }),
    ...replaced,
  };
}
