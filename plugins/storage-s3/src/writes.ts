import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError, type WriteOptions } from '@entrepot/plugin-sdk';
import { newMark } from './mark.ts';
import type { S3 } from './s3/client.ts';
import type { Objects } from './s3/objects.ts';
import { isBeingRemoved } from './tombstones.ts';

/** How often a write looks again at what stands in its way, and the pauses where it waits for that: 3 s in all. */
const TURNS = 8;
const pauseBefore = (turn: number): number => Math.min(1_000, 25 * 2 ** turn);

/**
 * Writes of small objects under conditions, exact also when answers get lost.
 *
 * A conditional PUT that is sent again because no answer came may be refused because of itself. Each write therefore
 * leaves a mark of its own beside the object; one that was refused looks at the mark to see whether it is its own.
 * Where that cannot tell (a write under `ifMatch` was perhaps carried out and replaced since), the caller learns that it
 * is not known, instead of that nothing was written.
 */
export class Writes {
  readonly #s3: S3;
  readonly #objects: Objects;

  constructor(s3: S3, objects: Objects) {
    this.#s3 = s3;
    this.#objects = objects;
  }

  /**
   * Gives the etag.
   * @throws StorageError `PRECONDITION_FAILED`; nothing has been written then.
   */
  async write(key: string, bytes: Uint8Array, { ifAbsent, ifMatch }: WriteOptions): Promise<string> {
    if (ifMatch !== undefined) return this.#replace(key, bytes, ifMatch);
    if (ifAbsent === true) return this.#place(key, bytes, false);
    // Without conditional deletes a DELETE may be on its way for a tombstone that a plain PUT would not see.
    if (!this.#s3.abilities.conditionalDeletes) return this.#place(key, bytes, true);
    const { value } = await this.#objects.put(key, bytes, { condition: undefined, mark: newMark() });
    if (value === undefined)
      throw new StorageError('UNAVAILABLE', `S3 refused to write ${key}, but nothing was asked of it`);
    return value.etag;
  }

  async #replace(key: string, bytes: Uint8Array, etag: string): Promise<string> {
    const mark = newMark();
    const answer = await this.#objects.put(key, bytes, { condition: { etag }, mark });
    if (answer.outcome === undefined) return answer.value.etag;
    if (answer.doubt) {
      const found = await this.#objects.head(key);
      if (found?.mark.id === mark.id) return found.etag;
      throw new StorageError(
        'UNAVAILABLE',
        `whether ${key} was written is not known: no answer came, and it has changed`,
      );
    }
    throw new StorageError('PRECONDITION_FAILED', `the object under ${key} is not version ${etag}`);
  }

  /** Writes where there is no object, or a tombstone, or, if `overLive`, anything. */
  async #place(key: string, bytes: Uint8Array, overLive: boolean): Promise<string> {
    const mark = newMark();
    let over: string | undefined;
    for (let turn = 0; turn < TURNS; turn += 1) {
      const condition = over === undefined ? 'absent' : { etag: over };
      const answer = await this.#objects.put(key, bytes, { condition, mark });
      if (answer.outcome === undefined) return answer.value.etag;
      const found = await this.#objects.head(key);
      if (found?.mark.id === mark.id) return found.etag;
      if (found !== undefined && !found.mark.tombstone && !overLive) {
        throw new StorageError('PRECONDITION_FAILED', `there is an object under ${key} already`);
      }
      const removed = found !== undefined && isBeingRemoved(found);
      over = removed ? undefined : found?.etag;
      if (removed) await sleep(pauseBefore(turn));
    }
    throw new StorageError('UNAVAILABLE', `${key} is being deleted or written by others all the time`);
  }
}
