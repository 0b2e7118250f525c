import { isStorageError, type StorageError } from '../errors.ts';

/** How a bucket deletes many objects at once. */
export interface BatchedDeletes {
  /** The most keys in one request. */
  readonly most: number;
  /** One request. Gives the keys that it has not deleted, for whatever reason; those of absent objects are none of them. */
  readonly batch: (keys: readonly string[]) => Promise<readonly string[]>;
  /** A request for one object, with attempts of its own. */
  readonly single: (key: string) => Promise<unknown>;
}

/** What a batch has left is deleted so many at once. */
const SINGLES_AT_ONCE = 16;

/**
 * Deletes objects in batches. What a batch leaves, or all of it when the backend takes no batch, is deleted one by one,
 * so that each has the attempts, and the error, that it would have had alone. Gives those that may still be there.
 */
export async function deleteInBatches(
  keys: readonly string[],
  { most, batch, single }: BatchedDeletes,
): Promise<ReadonlyMap<string, StorageError>> {
  const failed = new Map<string, StorageError>();
  for (let start = 0; start < keys.length; start += most) {
    const left = (await leftBy(batch, keys.slice(start, start + most))).values();
    const lane = async (): Promise<void> => {
      for (const key of left) {
        try {
          await single(key);
        } catch (error) {
          if (!isStorageError(error)) throw error;
          failed.set(key, error);
        }
      }
    };
    await Promise.all(Array.from({ length: SINGLES_AT_ONCE }, lane));
  }
  return failed;
}

async function leftBy(batch: BatchedDeletes['batch'], keys: readonly string[]): Promise<readonly string[]> {
  // A batch of one would cost a second request when it fails.
  if (keys.length === 1) return keys;
  try {
    return await batch(keys);
  } catch (error) {
    if (isStorageError(error)) return keys;
    throw error;
  }
}
