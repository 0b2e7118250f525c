import { lengthOf, StorageError } from '@entrepot/plugin-sdk';
import { limits } from './part-size.ts';
import type { MultipartUploads, Part } from './s3/multipart-uploads.ts';

/** Bytes of a part that is copied; S3 allows 5 GiB. */
const COPIED = 1024 ** 3;

export interface Completion {
  readonly key: string;
  /** Names the multipart upload. */
  readonly id: string;
  /** Names the mark that the object is to have. */
  readonly mark: string;
  /** The parts that make the object; the last of them are the bytes `last`, if there are any. */
  readonly parts: readonly Part[];
  readonly last: readonly Uint8Array[];
  /** Bytes of the object. */
  readonly size: number;
}

/**
 * Completes an upload that has gone back to an earlier state, so that there are more parts than the object is made of.
 * S3 forgets those; radosgw refuses to complete without them, and parts cannot be deleted. There, all parts become an
 * object, of which the bytes that count are then copied, inside the backend, by an upload that replaces it. In between
 * the object is under its key and too long; core knows the key from nobody but the upload, and a crash leaves an object
 * that nothing refers to.
 *
 * @throws StorageError `UPLOAD_UNKNOWN` when the upload is gone, or has other parts than these.
 */
export async function completeWithoutSurplus(
  uploads: MultipartUploads,
  completion: Completion,
): Promise<void> {
  const { key, id, mark, parts, last, size } = completion;
  const all = await uploads.list(key, id);
  if (all.length <= parts.length || parts.some(({ etag }, index) => all[index]?.etag !== etag))
    throw forgotten(key);

  const lastSize = lengthOf(last);
  if (lastSize > 0 && lastSize < limits.smallestPart) {
    // In front of another, a part has to have a length that last bytes need not have.
    const padding = new Uint8Array(limits.smallestPart - lastSize);
    all[parts.length - 1] = await uploads.uploadPart(key, id, parts.length, [...last, padding]);
  }
  const assembled = await uploads.complete(key, id, all);
  if (assembled.outcome !== undefined) throw forgotten(key);

  const copy = await uploads.create(key, { id: mark, tombstone: false });
  const copies: Part[] = [];
  for (let start = 0; start < size; start += COPIED) {
    copies.push(
      await uploads.copyPart(key, copy, copies.length + 1, { start, end: Math.min(size, start + COPIED) }),
    );
  }
  const copied = await uploads.complete(key, copy, copies);
  if (copied.outcome !== undefined) throw forgotten(key);
}

function forgotten(key: string): StorageError {
  return new StorageError('UPLOAD_UNKNOWN', `S3 has forgotten the upload of ${key}, or a part of it`);
}
