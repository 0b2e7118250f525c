import { digestOf, isDigest, splitDigest } from '../digest.ts';
import { isCount, jsonFormat, nonce, parseObject, type RecordFormat } from './records.ts';

/** Where a blob's bytes are: under a storage key of their own, or, when they are few, in the record itself. */
export type BlobData = string | Buffer;

/** Blobs up to this size live in their record: one object to write and to read instead of two. */
export const MAX_INLINE = 16 * 1024;

/**
 * The truth about one digest, for the whole registry.
 *
 *              older than grace, unreferenced              unreferenced still, after `settle`
 *     live ──────────────────────────────────► condemned ──────────────────────────────────► deleting ──► gone
 *      ▲           a manifest or HEAD rescues      │                                             │
 *      └───────────────────────────────────────────┘     re-upload: a new incarnation ───────────┘──► live
 *
 * Each arrow is one compare-and-swap; nothing is locked.
 */
export interface BlobRecord {
  readonly digest: string;
  readonly state: 'live' | 'condemned' | 'deleting';
  /** Names this life of the digest. Links of an earlier life do not count. */
  readonly incarnation: string;
  /** Changes without a new incarnation when damaged bytes are healed. */
  readonly data: BlobData;
  /** Bytes. */
  readonly size: number;
  /** When the state was entered or last confirmed; milliseconds since 1970. */
  readonly since: number;
}

/** "This repository may read this blob": valid while the record has the same incarnation and is not `deleting`. */
export interface BlobLink {
  readonly incarnation: string;
  readonly size: number;
}

/** One line of JSON, then the bytes if they are inline. Inline bytes that do not fit the digest count as damage. */
export const blobRecordFormat: RecordFormat<BlobRecord> = {
  encode: ({ data, ...rest }) => {
    const isInline = typeof data !== 'string';
    const header = `${JSON.stringify({ ...rest, ...(isInline ? {} : { data }), nonce: nonce() })}\n`;
    return isInline ? Buffer.concat([Buffer.from(header), data]) : Buffer.from(header);
  },
  decode: (stored) => {
    const end = stored.indexOf(0x0a);
    const header = end === -1 ? undefined : parseObject(stored.subarray(0, end));
    if (header === undefined) return undefined;
    const { digest, state, incarnation, data, size, since } = header;
    if (state !== 'live' && state !== 'condemned' && state !== 'deleting') return undefined;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof incarnation !== 'string') return undefined;
    if (!isCount(size) || !isCount(since)) return undefined;
    if (typeof data === 'string') return { digest, state, incarnation, data, size, since };
    const bytes = Buffer.from(stored.buffer, stored.byteOffset + end + 1, stored.length - end - 1);
    if (digestOf(bytes, splitDigest(digest).algorithm) !== digest) return undefined;
    return { digest, state, incarnation, data: bytes, size, since };
  },
};

export const blobLinkFormat: RecordFormat<BlobLink> = jsonFormat(({ incarnation, size }) =>
  typeof incarnation === 'string' && isCount(size) ? { incarnation, size } : undefined,
);
