import { randomBytes } from 'node:crypto';
import { StorageError, type WriteOptions } from '@entrepot/plugin-sdk';
import type { Condition, Objects } from './gcs/objects.ts';

/**
 * Writes of small objects under conditions, exact also when answers get lost.
 *
 * A conditional request that is sent again because no answer came may be refused because of itself. Each write therefore
 * leaves an id of its own beside the object; one that was refused when an earlier attempt of it may have been carried out
 * looks whether the id is its own. Where that cannot tell (the write was perhaps carried out and replaced since), the
 * caller learns that it is not known, instead of that nothing was written.
 */
export class Writes {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /**
   * Gives the generation.
   * @throws StorageError `PRECONDITION_FAILED`; nothing has been written then.
   */
  async write(name: string, bytes: Uint8Array, options: WriteOptions): Promise<string> {
    const id = randomBytes(12).toString('base64url');
    const condition = conditionOf(options);
    const answer = await this.#objects.put(name, [bytes], { condition, id });
    if (answer.outcome === undefined) return answer.value.generation;
    if (answer.doubt) return this.#lookFor(name, id);
    throw new StorageError(
      'PRECONDITION_FAILED',
      options.ifMatch === undefined
        ? `there is an object under ${name} already`
        : `the object under ${name} is not version ${options.ifMatch}`,
    );
  }

  async #lookFor(name: string, id: string): Promise<string> {
    const found = await this.#objects.head(name);
    if (found?.id === id) return found.generation;
    throw new StorageError(
      'UNAVAILABLE',
      `whether ${name} was written is not known: no answer came, and there is another version now`,
    );
  }
}

function conditionOf({ ifAbsent, ifMatch }: WriteOptions): Condition {
  if (ifMatch !== undefined) return { generation: generationOf(ifMatch) };
  return ifAbsent === true ? 'absent' : undefined;
}

/** An etag of this driver as the generation it is; any other as one that no object has. 0 would stand for absence. */
export function generationOf(etag: string): string {
  return /^[1-9][0-9]{0,18}$/.test(etag) ? etag : '1';
}
