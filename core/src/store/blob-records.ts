import { isCount, jsonFormat, type RecordFormat } from './records.ts';

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
  readonly state: 'live' | 'condemned' | 'deleting';
  /** Names this life of the digest. Links of an earlier life do not count. */
  readonly incarnation: string;
  /** Where the bytes are. Changes without a new incarnation when damaged bytes are healed. */
  readonly data: string;
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

export const blobRecordFormat: RecordFormat<BlobRecord> = jsonFormat(
  ({ state, incarnation, data, size, since }) =>
    (state === 'live' || state === 'condemned' || state === 'deleting') &&
    typeof incarnation === 'string' &&
    typeof data === 'string' &&
    isCount(size) &&
    isCount(since)
      ? { state, incarnation, data, size, since }
      : undefined,
);

export const blobLinkFormat: RecordFormat<BlobLink> = jsonFormat(({ incarnation, size }) =>
  typeof incarnation === 'string' && isCount(size) ? { incarnation, size } : undefined,
);
