import { dirname } from 'node:path';
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
import { BufferPool } from './buffer-pool.ts';
import { Directories } from './directories.ts';
import { DirectoryNames } from './directory-names.ts';
import { isAbsence, isErrno, storageError } from './errors.ts';
import { openReader } from './file-reader.ts';
import { Listing } from './listing.ts';
import { Locks } from './locks.ts';
import { openFile, statFile } from './object-file.ts';
import { Root } from './root.ts';
import { readSmallFile, SmallFile } from './small-file.ts';
import { StaleFiles } from './stale-files.ts';
import { fsync, letGo, link, rename, unlink } from './system-calls.ts';
import { discard, writeTemporary } from './temporary-files.ts';
import { Uploads } from './uploads.ts';

/** Buffers out at a time for reading large objects: 32 MiB, enough for 64 readers at full speed. */
const BUFFERS = 128;

export interface FilesystemOptions {
  /** The directory that holds the registry. */
  readonly root: string;
  /** Whether an answer waits until what it acknowledges survives a loss of power. */
  readonly fsync: boolean;
  readonly log: Logger;
}

/**
 * Keeps objects as files, see {@link Root} for where. Several processes may use one root.
 *
 * Files never change once they are visible. Small objects are written beside and then named by `link` (if absent) or
 * `rename` (replace); `link` fails when the name is taken, so it needs no lock. What replaces or deletes an object does
 * so under the lock of its key, whether under a condition or not: while somebody compares the etag under the lock, the
 * object can neither change nor go away, and as it does not go away, no `link` can succeed meanwhile.
 */
export class FilesystemDriver implements StorageDriver {
  readonly #root: Root;
  readonly #fsync: boolean;
  readonly #log: Logger;
  readonly #locks: Locks;
  readonly #directories: Directories;
  readonly #names: DirectoryNames;
  readonly #buffers = new BufferPool(BUFFERS);
  readonly #uploads: Uploads;
  readonly #stale: StaleFiles;

  /** Does nothing before {@link start}. */
  constructor({ root, fsync, log }: FilesystemOptions) {
    this.#root = new Root(root);
    this.#fsync = fsync;
    this.#log = log;
    this.#locks = new Locks(this.#root.locks);
    this.#directories = new Directories(this.#root);
    this.#names = new DirectoryNames(this.#root);
    this.#uploads = new Uploads({ root: this.#root, directories: this.#directories, durable: fsync, log });
    this.#stale = new StaleFiles(this.#root, log);
  }

  /** @throws StorageError when the directory cannot hold a registry. */
  async start(): Promise<void> {
    const { caseSensitive } = await this.#root.prepare();
    if (!caseSensitive) {
      this.#log.warn(
        {},
        'this file system ignores case: tags that differ only in case will overwrite one another',
      );
    }
    this.#stale.start();
  }

  /** @throws StorageError when the directory is gone or not writable. */
  async health(): Promise<void> {
    await this.#root.check();
  }

  async stop(): Promise<void> {
    this.#stale.stop();
    this.#uploads.close();
    this.#locks.close();
  }

  partSize(): number {
    return 1;
  }

  async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    const path = this.#path(key);
    return this.#attempt('reading an object', async () => {
      return (await readSmallFile(path, known)) ?? this.#absent();
    });
  }

  async write(
    key: string,
    bytes: Uint8Array,
    { ifAbsent = false, ifMatch, transient = false }: WriteOptions = {},
  ): Promise<SmallObject> {
    expectSmall(bytes);
    const path = this.#path(key);
    // A copy: the caller may do with his bytes what he likes once he has been answered.
    const object = new SmallFile(new Uint8Array(bytes));
    const durable = this.#fsync && !transient;
    await this.#attempt('writing an object', async () => {
      // Crash-safe order: the bytes are on disk, then they get their name, then the name is on disk, then the answer.
      const temporary = await writeTemporary(this.#root.temporary, object.bytes, durable);
      let held: boolean;
      try {
        held = await (ifAbsent
          ? this.#create(path, temporary)
          : this.#replace(key, path, temporary, ifMatch));
      } catch (error) {
        await discard(temporary);
        throw error;
      }
      await Promise.all([
        // Whoever finds an object in his way will take it for granted: he too waits until its name is on disk.
        durable && (held || ifAbsent) ? this.#directories.sync(dirname(path)) : undefined,
        // A rename has taken it away.
        ifAbsent || !held ? discard(temporary) : undefined,
      ]);
      if (!held)
        throw refusal(ifAbsent ? 'there is an object already' : 'the object has another etag, or is absent');
    });
    return object;
  }

  async delete(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    const path = this.#path(key);
    await this.#attempt('deleting an object', async () => {
      await this.#locks.hold(key, async () => {
        if (ifMatch !== undefined) {
          const object = await readSmallFile(path);
          if (object !== undefined && object.etag !== ifMatch) throw refusal('the object has another etag');
        }
        await this.#unlessAbsent(() => unlink(path));
      });
      // Also when nothing was there: another process may have removed it and not have come to this yet.
      if (this.#fsync) await this.#unlessAbsent(() => this.#directories.sync(dirname(path)));
    });
  }

  async list(prefix: string, options: ListOptions): Promise<ListPage> {
    return this.#attempt('listing objects', () => {
      return new Listing(this.#root, this.#names, prefix, options).page();
    });
  }

  async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    const path = this.#path(key);
    return this.#attempt('opening an object', async () => {
      return (await openReader(path, range, this.#buffers)) ?? this.#absent();
    });
  }

  async size(key: string): Promise<number | undefined> {
    const path = this.#path(key);
    return this.#attempt('asking for the size of an object', async () => {
      return (await statFile(path))?.size ?? this.#absent();
    });
  }

  async createUpload(key: string): Promise<UploadState> {
    this.#path(key);
    return this.#attempt('beginning an upload', () => this.#uploads.create());
  }

  async uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    return this.#attempt('writing a part of an upload', () => this.#uploads.add(upload, part));
  }

  async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    this.#path(upload.key);
    await this.#attempt('completing an upload', () => this.#uploads.complete(upload, lastPart));
  }

  async abortUpload(upload: Upload): Promise<void> {
    await this.#attempt('aborting an upload', () => this.#uploads.abort(upload));
  }

  /**
   * Crash-safe order: the bytes are on disk, then the file gets its second name, then the name is on disk, then the answer.
   */
  async link(from: string, to: string): Promise<boolean> {
    const [source, target] = [this.#path(from), this.#path(to)];
    return this.#attempt('giving an object a second key', async () => {
      const file = await openFile(source);
      if (file === undefined) {
        await this.#absent();
        return false;
      }
      try {
        if (this.#fsync) await fsync(file.fd);
      } finally {
        letGo(file.fd);
      }
      const isNew = await this.#create(target, source).catch((error: unknown) => {
        throw isErrno(error, 'EPERM', 'EXDEV') ? unlinkable(from, error) : error;
      });
      if (this.#fsync) await this.#directories.sync(dirname(target));
      return isNew;
    });
  }

  /** Names the file, unless the name is taken. Returns whether it was free. */
  async #create(path: string, temporary: string): Promise<boolean> {
    try {
      await this.#directories.with(dirname(path), () => link(temporary, path));
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      throw error;
    }
  }

  /** Names the file, whether the name is taken or not, unless the condition fails. Returns whether it held. */
  async #replace(
    key: string,
    path: string,
    temporary: string,
    ifMatch: string | undefined,
  ): Promise<boolean> {
    return this.#locks.hold(key, async () => {
      if (ifMatch !== undefined && (await readSmallFile(path))?.etag !== ifMatch) return false;
      await this.#directories.with(dirname(path), () => rename(temporary, path));
      return true;
    });
  }

  /** The path of the file of `key`. Core asks for nothing but keys, so anything else never gets near the disk. */
  #path(key: string): string {
    if (!isStorageKey(key)) throw new TypeError('this is no storage key');
    return this.#root.object(key);
  }

  /** Absence is certain only while the root is there. */
  async #absent(): Promise<undefined> {
    await this.#root.confirm();
    return undefined;
  }

  async #unlessAbsent(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isAbsence(error)) throw error;
      await this.#absent();
    }
  }

  async #attempt<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, doing);
    }
  }
}

function unlinkable(key: string, cause: unknown): StorageError {
  const need =
    'its file has to be in the file system of the registry, and to belong to its user or be writable for it';
  return new StorageError('UNAVAILABLE', `${key} cannot be given a second key: ${need}`, { cause });
}

function refusal(reason: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', reason);
}
