import { digestOf, isDigest, splitDigest } from '../digest.ts';
import { keys } from './keys.ts';
import { isCount, nonce, parseObject, type RecordFormat } from './records.ts';

/** A manifest in a repository. */
export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** The exact bytes that were pushed. */
  readonly bytes: Buffer;
  /** Names this life of the manifest. A put of what is absent or being deleted begins a new one. */
  readonly incarnation: string;
  /** Whether a client has begun to delete it: it is still served, but a push of it has to write it again. */
  readonly deleting: boolean;
  /**
   * When collection found that nothing refers to it any more; milliseconds since 1970. Whoever asks for it or pushes it
   * takes that back, and so does whoever pushes an index with it, who asks. Together with `deleting` it is collection
   * that removes it: it counts as absent from then on.
   */
  readonly condemned?: number | undefined;
  /**
   * When a client's deletion of it came to its end; milliseconds since 1970. It counts as absent, and is kept, with all
   * its blobs, so that it can be restored, until collection finds that it has been kept long enough.
   */
  readonly deleted?: number | undefined;
}

/** Whether the manifest counts as absent for everybody, though its record stands. */
export function isAbsent({ deleting, condemned, deleted }: StoredManifest): boolean {
  return deleted !== undefined || (deleting && condemned !== undefined);
}

/** What a header can carry: a type that is none of these has not been stored so. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * One line of JSON, then the manifest's bytes: one object, so that type and bytes can never disagree. Bytes that do
 * not fit the digest count as damage.
 */
export const manifestFormat: RecordFormat<StoredManifest> = {
  encode: ({ bytes, ...header }) =>
    Buffer.concat([Buffer.from(`${JSON.stringify({ ...header, nonce: nonce() })}\n`), bytes]),
  decode: (stored) => {
    const end = stored.indexOf(0x0a);
    const header = end === -1 ? undefined : parseObject(stored.subarray(0, end));
    if (header === undefined) return undefined;
    const { digest, mediaType, incarnation, deleting, condemned, deleted } = header;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof incarnation !== 'string') return undefined;
    if (typeof mediaType !== 'string' || !PRINTABLE.test(mediaType)) return undefined;
    const bytes = Buffer.from(stored.buffer, stored.byteOffset + end + 1, stored.length - end - 1);
    if (digestOf(bytes, splitDigest(digest).algorithm) !== digest) return undefined;
    return {
      digest,
      mediaType,
      bytes,
      incarnation,
      deleting: deleting === true,
      ...(isCount(condemned) ? { condemned } : {}),
      ...(isCount(deleted) ? { deleted } : {}),
    };
  },
  belongs: ({ digest }, key) => keys.isOfManifest(key, digest),
};
