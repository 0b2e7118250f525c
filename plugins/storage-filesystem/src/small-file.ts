import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { largestSmallObject, StorageError, type SmallObject } from '@entrepot/plugin-sdk';
import { openFile, statFile, type OpenFile } from './object-file.ts';
import { Stamp } from './stamp.ts';
import { letGo, read } from './system-calls.ts';

/** A small object and, known to nobody else, the stamp of the file it was read from. */
export class SmallFile implements SmallObject {
  readonly bytes: Uint8Array;
  #stamp: Stamp | undefined;
  #etag: string | undefined;

  /** The bytes will not be changed by anybody. Without `stamp` the object can be told fresh only by its bytes. */
  constructor(bytes: Uint8Array, stamp?: Stamp) {
    this.bytes = bytes;
    this.#stamp = stamp;
  }

  /** Derived from the bytes, when it is asked for: most objects that are read are never replaced. */
  get etag(): string {
    this.#etag ??= hash('sha256', this.bytes, 'base64url');
    return this.#etag;
  }

  /** `known`, if the file that `stat` tells of is certainly the one it was read from. */
  static unchanged(known: SmallObject | undefined, stat: Stats): SmallFile | undefined {
    return known instanceof SmallFile && known.#stamp?.vouches(stat) === true ? known : undefined;
  }

  /** `known` with a newer stamp, if the file still says the same as `known`; otherwise what the file says. */
  static newer(known: SmallObject | undefined, bytes: Uint8Array, stamp: Stamp): SmallFile {
    if (known instanceof SmallFile && Buffer.compare(known.bytes, bytes) === 0) {
      known.#stamp = stamp;
      return known;
    }
    return new SmallFile(bytes, stamp);
  }
}

/**
 * Reads a small object: with one `lstat` when `known` is still what the file says. Files never change, they are
 * replaced, so all bytes are of one version. `undefined` when there is no such file.
 * @throws StorageError `UNAVAILABLE` for a file no small object can have: too large, or cut while it was read.
 */
export async function readSmallFile(path: string, known?: SmallObject): Promise<SmallFile | undefined> {
  if (known !== undefined) {
    const stat = await statFile(path);
    if (stat === undefined) return undefined;
    const unchanged = SmallFile.unchanged(known, stat);
    if (unchanged !== undefined) return unchanged;
  }
  const now = Date.now();
  const file = await openFile(path);
  if (file === undefined) return undefined;
  try {
    return SmallFile.newer(known, await readWhole(file), new Stamp(file.stat, now));
  } finally {
    letGo(file.fd);
  }
}

async function readWhole({ fd, stat }: OpenFile): Promise<Uint8Array> {
  if (stat.size > largestSmallObject)
    throw new StorageError('UNAVAILABLE', `a small object has ${stat.size} bytes`);
  // Not from Node's pool: who keeps a few bytes for long would keep 8 KiB of it.
  const bytes = Buffer.allocUnsafeSlow(stat.size);
  for (let length = 0; length < bytes.length;) {
    const count = await read(fd, bytes.subarray(length), length);
    if (count === 0) throw new StorageError('UNAVAILABLE', 'a small object was cut while it was read');
    length += count;
  }
  return bytes;
}
