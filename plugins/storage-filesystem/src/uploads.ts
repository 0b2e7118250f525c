import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import {
  isStorageError,
  lengthOf,
  StorageError,
  type Logger,
  type Upload,
  type UploadState,
} from '@entrepot/plugin-sdk';
import type { Directories } from './directories.ts';
import { isErrno } from './errors.ts';
import { statFile } from './object-file.ts';
import type { Root } from './root.ts';
import { fdatasync, fstat, fsync, ftruncate, lstat, rename, unlink } from './system-calls.ts';
import { discard } from './temporary-files.ts';
import { UploadFiles, type UploadFile } from './upload-files.ts';

/** After so many bytes in the page cache they are sent to the disk in the background, so that little is left to wait for at the end. */
const SEND = 32 * 1024 * 1024;

const NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface UploadsOptions {
  readonly root: Root;
  readonly directories: Directories;
  /** Whether what is complete has to survive a loss of power. */
  readonly durable: boolean;
  readonly log: Logger;
}

/**
 * Large objects on their way in. The state of an upload is the name of its file, and parts are written where they
 * belong in it, so any process can go on with it, go back in it, or repeat a part.
 *
 * Core sees to it that one process at a time works on an upload. One that works on after it has lost its claim finds
 * the file gone as soon as the upload is complete, and so does not write to what has become visible.
 */
export class Uploads {
  readonly #root: Root;
  readonly #directories: Directories;
  readonly #durable: boolean;
  readonly #log: Logger;
  readonly #files: UploadFiles;
  /** One file at a time is sent to the disk in the background: the threads that do it have other work, too. */
  #sending = false;

  constructor({ root, directories, durable, log }: UploadsOptions) {
    this.#root = root;
    this.#directories = directories;
    this.#durable = durable;
    this.#log = log;
    this.#files = new UploadFiles(root.uploads);
  }

  async create(): Promise<UploadState> {
    const name = randomUUID();
    await this.#files.create(name);
    return { file: name };
  }

  async add({ state, offset }: Upload, part: readonly Uint8Array[]): Promise<UploadState> {
    const name = nameOf(state);
    await this.#use(name, async (file) => {
      await sizeFrom(file, offset);
      try {
        await file.write(part, offset);
      } catch (error) {
        // On a full disk the bytes that did fit have taken the last of it: who goes on needs a little for that.
        await ftruncate(file.fd, offset).catch(() => undefined);
        throw error;
      }
      if (this.#durable && !this.#sending && file.unsynced >= SEND) this.#send(name, file);
    });
    return state;
  }

  /**
   * Crash-safe order: the bytes are on disk, then the file gets its name, then the name is on disk, then the answer.
   * A call that is repeated because its answer was lost finds no upload any more, but the object.
   */
  async complete({ key, state, offset }: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    const name = nameOf(state);
    const object = this.#root.object(key);
    const size = offset + lengthOf(lastPart);
    try {
      await this.#use(name, async (file) => {
        const held = await sizeFrom(file, offset);
        await file.write(lastPart, offset);
        // What lies behind the end was added after the state that the upload has gone back to.
        if (held > size) await ftruncate(file.fd, size);
        if (this.#durable) await this.#sync(name, file);
        await expectSize(file, size);
        await this.#directories.with(dirname(object), () => rename(file.path, object));
      });
      void this.#files.forget(name);
    } catch (error) {
      const isComplete = isStorageError(error, 'UPLOAD_UNKNOWN') && (await statFile(object))?.size === size;
      if (!isComplete) throw error;
    }
    if (this.#durable) await this.#directories.sync(dirname(object));
  }

  async abort({ state }: Upload): Promise<void> {
    try {
      const name = nameOf(state);
      await this.#use(name, (file) => unlink(file.path));
      // The space is free once nobody has the file open.
      await this.#files.forget(name);
    } catch (error) {
      if (!isStorageError(error, 'UPLOAD_UNKNOWN')) throw error;
    }
  }

  close(): void {
    this.#files.close();
  }

  /** @throws StorageError `UPLOAD_UNKNOWN` when the file is gone. */
  async #use(name: string, work: (file: UploadFile) => Promise<void>): Promise<void> {
    try {
      await this.#files.use(name, work);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      void this.#files.forget(name);
      await this.#root.confirm();
      throw new StorageError('UPLOAD_UNKNOWN', 'this upload is complete, aborted, or was swept as stale', {
        cause: error,
      });
    }
  }

  #send(name: string, file: UploadFile): void {
    this.#sending = true;
    file.unsynced = 0;
    file.sending = this.#files.use(name, ({ fd }) => fdatasync(fd));
    file.sending
      .catch((error: unknown) => this.#drop(name, error))
      .finally(() => {
        this.#sending = false;
      });
  }

  async #sync(name: string, file: UploadFile): Promise<void> {
    try {
      await file.sending;
      await fsync(file.fd);
    } catch (error) {
      await this.#drop(name, error);
      throw error;
    }
  }

  /** When a sync has failed, the kernel may take the lost bytes for written, and the next sync succeed: no way on. */
  async #drop(name: string, error: unknown): Promise<void> {
    this.#log.error(
      { err: error },
      'bytes of an upload could not be written to the disk; the upload is dropped',
    );
    await discard(this.#files.path(name));
    void this.#files.forget(name);
  }
}

/** @throws StorageError `UPLOAD_UNKNOWN` for what is no state of ours. */
function nameOf(state: UploadState): string {
  if (typeof state === 'object' && state !== null && 'file' in state) {
    const { file } = state;
    if (typeof file === 'string' && NAME.test(file)) return file;
  }
  throw new StorageError('UPLOAD_UNKNOWN', 'this upload is none of this driver');
}

/**
 * Bytes the file has. Asked by its name, which another process may have taken away.
 * @throws StorageError `UPLOAD_UNKNOWN` when some before `offset` are missing.
 */
async function sizeFrom(file: UploadFile, offset: number): Promise<number> {
  const { size } = await lstat(file.path);
  if (size < offset) throw new StorageError('UPLOAD_UNKNOWN', `an upload has lost ${offset - size} bytes`);
  return size;
}

async function expectSize(file: UploadFile, size: number): Promise<void> {
  const held = (await fstat(file.fd)).size;
  if (held !== size)
    throw new StorageError('UNAVAILABLE', `an upload has ${held} bytes where ${size} were written`);
}
