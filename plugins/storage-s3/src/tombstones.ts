import { StorageError, type Logger } from '@entrepot/plugin-sdk';
import { newMark } from './mark.ts';
import type { S3 } from './s3/client.ts';
import type { ObjectHead, Objects } from './s3/objects.ts';

/** Seconds after its tombstone was written within which the backend still accepts the DELETE. */
const REMOVAL = 60;
/** Milliseconds for which a tombstone is left alone: the DELETE for it may still be carried out. */
const RESPECT = 3 * 60 * 1000;

const bytesOf = (id: string): Uint8Array => Buffer.from(`entrepot: deleted ${id}`);
/** Bytes of a tombstone, by which a list sees which objects to look at. */
export const tombstoneSize = bytesOf(newMark().id).length;

/** Whether a DELETE may be on its way for the tombstone that was found; nothing may be written over it then. */
export function isBeingRemoved({ mark, modified, now }: ObjectHead): boolean {
  return mark.tombstone && now - modified < RESPECT;
}

/**
 * Deletes of one version of an object, and of no other.
 *
 * Amazon's DELETE heeds If-Match; most other backends ignore it and delete whatever is there, but do heed it on PUT.
 * There, an object is deleted in two steps, and a crash between them harms nothing:
 *
 * 1. A tombstone, an object with a mark, is written over the version with If-Match. This is the moment of the delete:
 *    who comes second is refused, and every reader takes the tombstone for absence.
 * 2. The tombstone is removed with a DELETE. It would remove a new object as well, if somebody had put one in the place
 *    of the tombstone. So nobody does, for as long as the DELETE can still be carried out, and that is bounded by the
 *    backend itself: the DELETE is sent once, under a signature that ends 60 s after the tombstone was written, by the
 *    clock of the backend. Who wants to write there waits until the tombstone has gone, which takes a moment; one whose
 *    DELETE has failed, or whose process died, may be written over, under If-Match, after three minutes.
 *
 * A tombstone carries a random id, so that its etag is never that of another.
 */
export class Tombstones {
  readonly #s3: S3;
  readonly #objects: Objects;
  readonly #log: Logger;

  constructor(s3: S3, objects: Objects, log: Logger) {
    this.#s3 = s3;
    this.#objects = objects;
    this.#log = log;
  }

  /**
   * Removes the object if it is version `etag`; that there is none is no error.
   * @throws StorageError `PRECONDITION_FAILED` when it is another version.
   */
  async delete(key: string, etag: string): Promise<void> {
    if (this.#s3.abilities.conditionalDeletes) return this.#deleteVersion(key, etag);
    const mark = newMark({ tombstone: true });
    const answer = await this.#objects.put(key, bytesOf(mark.id), { condition: { etag }, mark });
    if (answer.outcome === undefined) return this.#remove(key, answer.value.at);
    const found = await this.#objects.head(key);
    if (found?.mark.id === mark.id) return this.#remove(key, found.modified);
    assertGone(key, etag, found);
  }

  /** Removes a tombstone that has been left behind. Fails silently: it counts as absent anyway. */
  async clear(key: string, { etag }: ObjectHead): Promise<void> {
    try {
      await this.delete(key, etag);
    } catch (error) {
      this.#log.debug({ err: error, key }, 'a tombstone stays for now');
    }
  }

  async #deleteVersion(key: string, etag: string): Promise<void> {
    const answer = await this.#objects.delete(key, etag);
    if (answer.outcome === 'refused') assertGone(key, etag, await this.#objects.head(key));
  }

  /** `at` is when the tombstone was written. From then on the object is deleted, whatever becomes of the tombstone. */
  async #remove(key: string, at: number): Promise<void> {
    try {
      await this.#objects.deleteWithin(key, at, REMOVAL);
    } catch (error) {
      this.#log.debug({ err: error, key }, 'a tombstone stays for now');
    }
  }
}

function assertGone(key: string, etag: string, found: ObjectHead | undefined): void {
  if (found === undefined || found.mark.tombstone) return;
  throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${etag}`);
}
