import { randomBytes } from 'node:crypto';
import { StorageError, type WriteOptions } from '@entrepot/plugin-sdk';
import type { Blobs, Condition } from './azure/blobs.ts';

/**
 * Writes of small objects under conditions, exact also when answers get lost.
 *
 * A conditional request that is sent again because no answer came may be refused because of itself. Each write therefore
 * leaves an id of its own beside the object; one that was refused when an earlier attempt of it may have been carried out
 * looks whether the id is its own. Where that cannot tell (the write was perhaps carried out and replaced since), the
 * caller learns that it is not known, instead of that nothing was written.
 */
export class Writes {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /**
   * Gives the etag.
   * @throws StorageError `PRECONDITION_FAILED`; nothing has been written then.
   */
  async write(key: string, bytes: Uint8Array, options: WriteOptions): Promise<string> {
    const id = randomBytes(12).toString('base64url');
    const condition = conditionOf(options);
    const answer = await this.#blobs.put(key, bytes, { condition, id });
    if (answer.outcome === undefined) return answer.value;
    if (answer.doubt) return this.#lookFor(key, id);
    throw new StorageError(
      'PRECONDITION_FAILED',
      options.ifMatch === undefined
        ? `there is an object under ${key} already`
        : `the object under ${key} is not version ${options.ifMatch}`,
    );
  }

  async #lookFor(key: string, id: string): Promise<string> {
    const found = await this.#blobs.head(key);
    if (found?.id === id) return found.etag;
    throw new StorageError(
      'UNAVAILABLE',
      `whether ${key} was written is not known: no answer came, and there is another version now`,
    );
  }
}

function conditionOf({ ifAbsent, ifMatch }: WriteOptions): Condition {
  if (ifMatch !== undefined) return { etag: ifMatch };
  return ifAbsent === true ? 'absent' : undefined;
}
