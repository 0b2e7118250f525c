import { isStorageKey } from '@entrepot/plugin-sdk';
import { digestOf, isDigest, splitDigest } from '../digest.ts';
import { keys } from './keys.ts';
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
    const read = readBlobRecord(stored);
    if (read === undefined) return undefined;
    const { header, data, bytes } = read;
    if (data !== undefined) return isStorageKey(data) ? { ...header, data } : undefined;
    return isInlineOf(header, bytes) ? { ...header, data: bytes } : undefined;
  },
  belongs: ({ digest }, key) => keys.record(digest) === key,
};

/** What a record says of a digest, whether the bytes that come with it are right or not. */
interface ReadBlobRecord {
  readonly header: Omit<BlobRecord, 'data'>;
  /** Storage key of the bytes. */
  readonly data: string | undefined;
  /** What follows the line. */
  readonly bytes: Buffer;
}

/** Reads a record as far as its line makes sense. */
export function readBlobRecord(stored: Uint8Array): ReadBlobRecord | undefined {
  const end = stored.indexOf(0x0a);
  const json = end === -1 ? undefined : parseObject(stored.subarray(0, end));
  if (json === undefined) return undefined;
  const { digest, state, incarnation, data, size, since } = json;
  if (state !== 'live' && state !== 'condemned' && state !== 'deleting') return undefined;
  if (typeof digest !== 'string' || !isDigest(digest) || typeof incarnation !== 'string') return undefined;
  if (!isCount(size) || !isCount(since)) return undefined;
  return {
    header: { digest, state, incarnation, size, since },
    data: typeof data === 'string' ? data : undefined,
    bytes: Buffer.from(stored.buffer, stored.byteOffset + end + 1, stored.length - end - 1),
  };
}

function isInlineOf({ digest, size }: Omit<BlobRecord, 'data'>, bytes: Buffer): boolean {
  return bytes.length === size && digestOf(bytes, splitDigest(digest).algorithm) === digest;
}

export const blobLinkFormat: RecordFormat<BlobLink> = jsonFormat(({ incarnation, size }) =>
  typeof incarnation === 'string' && isCount(size) ? { incarnation, size } : undefined,
);
