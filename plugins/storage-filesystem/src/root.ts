import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat as lstatOf, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { StorageError } from '@entrepot/plugin-sdk';
import { syncDirectory } from './directories.ts';
import { isErrno, storageError } from './errors.ts';
import { SharedRun } from './shared-run.ts';
import { rank } from './sorted-names.ts';
import { link, lstat, unlink } from './system-calls.ts';

/** Keys that begin so are not below `objects` but beside it: there the files of another kind of registry are. */
const BESIDE = 'docker/';

/**
 * The directory that holds a registry:
 *
 * ```
 * <root>/
 *   objects/<key>     what is visible: each key is the path of a file here
 *   uploads/<uuid>    unfinished large objects; completing one renames it to its key
 *   tmp/<uuid>        small objects while they are written; linked or renamed to their key when they are whole
 *   locks/00 … 1f     empty files that processes lock, see locks.ts; not to be deleted while a registry runs
 *   docker/…          what a CNCF distribution registry keeps here: keys that begin so are the paths of its own files
 * ```
 *
 * All of it is in one file system, because links and renames do not reach into another.
 */
export class Root {
  readonly path: string;
  readonly objects: string;
  readonly uploads: string;
  readonly temporary: string;
  readonly locks: string;
  readonly #confirmation = new SharedRun(() => this.#confirm());

  constructor(path: string) {
    this.path = resolve(path);
    this.objects = join(this.path, 'objects');
    this.uploads = join(this.path, 'uploads');
    this.temporary = join(this.path, 'tmp');
    this.locks = join(this.path, 'locks');
  }

  /** The path of the file of `key`, or of the folder of keys that begin so. */
  object(key: string): string {
    return `${key.startsWith(BESIDE) ? this.path : this.objects}/${key}`;
  }

  /** Whether `path` is one of the directories that keys begin in. */
  isTop(path: string): boolean {
    return path === this.objects || path === this.path;
  }

  /** The names in `objects`, with the folder that lies beside it and whose keys belong among these. */
  withBeside(names: readonly string[], top: readonly string[]): readonly string[] {
    if (!top.includes(BESIDE)) return names;
    const place = rank(names, BESIDE);
    return [...names.slice(0, place), BESIDE, ...names.slice(place)];
  }

  /**
   * Creates what is missing and tries out what the driver relies on. Returns whether names that differ only in case
   * are different names here, as they should be.
   * @throws StorageError that says what the directory lacks.
   */
  async prepare(): Promise<{ readonly caseSensitive: boolean }> {
    try {
      const created = await mkdir(this.path, { recursive: true });
      for (const directory of this.#directories()) await mkdir(directory, { recursive: true });
      // A registry whose directory is forgotten by a loss of power has lost everything: each new entry is synced.
      await syncDirectory(this.path);
      if (created !== undefined) {
        for (let path = this.path; path.length >= created.length; path = dirname(path)) {
          await syncDirectory(dirname(path));
        }
      }
      await this.#tryLink(this.uploads);
      return { caseSensitive: await this.#tryLink(this.temporary) };
    } catch (error) {
      throw storageError(error, `the directory ${this.path} cannot hold a registry`);
    }
  }

  /** @throws StorageError when the directory is gone, or may not be written to. */
  async check(): Promise<void> {
    await this.confirm();
    try {
      for (const directory of this.#directories()) await access(directory, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw storageError(error, `the directory ${this.path} is not writable`);
    }
  }

  /**
   * Called before anything is reported absent: in a directory that has vanished, with an unmounted disk for instance,
   * nothing would be found either.
   * @throws StorageError `UNAVAILABLE` when the directory has vanished.
   */
  confirm(): Promise<void> {
    return this.#confirmation.join();
  }

  async #confirm(): Promise<void> {
    try {
      if ((await lstat(this.objects)).isDirectory()) return;
    } catch (error) {
      throw storageError(error, 'the directory of the registry is gone');
    }
    throw new StorageError('UNAVAILABLE', 'the directory of the registry is gone: objects is no directory');
  }

  #directories(): readonly string[] {
    return [this.objects, this.uploads, this.temporary, this.locks];
  }

  /** Makes a file in `directory` and links it into `objects`, under a name that no key has. */
  async #tryLink(directory: string): Promise<boolean> {
    const name = `#try-${randomUUID()}`;
    const file = join(directory, name);
    const linked = join(this.objects, name);
    await writeFile(file, '', { flag: 'wx' });
    try {
      await link(file, linked);
      try {
        return await isMissing(join(this.objects, name.toUpperCase()));
      } finally {
        await unlink(linked);
      }
    } catch (error) {
      if (!isErrno(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP')) throw error;
      const need =
        'its file system has to know hard links, and no directory in it may be another file system';
      throw new StorageError('UNAVAILABLE', `${this.path} cannot hold a registry: ${need}`, { cause: error });
    } finally {
      await unlink(file);
    }
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstatOf(path);
    return false;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
}
