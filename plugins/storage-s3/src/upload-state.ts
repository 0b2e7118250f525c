import { StorageError, type JsonValue, type Upload } from '@entrepot/plugin-sdk';
import type { Part } from './s3/multipart-uploads.ts';

/** What this driver keeps of an upload between calls. */
export interface UploadState {
  /** Names the multipart upload. */
  readonly id: string;
  /** The mark that the finished object will carry. */
  readonly mark: string;
  /**
   * In order. Completing by them, instead of asking the backend which parts there are, is what makes an earlier state of
   * the upload valid, and parts of a writer that came too late worthless.
   */
  readonly parts: readonly Part[];
}

const MD5 = /^"[0-9a-f]{32}"$/;

/**
 * A state as JSON. Etags of parts are nearly always MD5 sums, for which 22 characters suffice: 10,000 parts, the most
 * there can be, take 230 KB, or 320 KB with checksums.
 */
export function encodeState({ id, mark, parts }: UploadState): JsonValue {
  return { id, mark, parts: parts.map(pack).join(' ') };
}

/** @throws StorageError `UPLOAD_UNKNOWN` when it is not the state of this upload. */
export function decodeState({ state, parts: count }: Pick<Upload, 'state' | 'parts'>): UploadState {
  if (typeof state === 'object' && state !== null && 'parts' in state) {
    const { id, mark, parts } = state;
    if (typeof id === 'string' && typeof mark === 'string' && typeof parts === 'string') {
      const list = parts === '' ? [] : parts.split(' ').map(unpack);
      if (list.length === count) return { id, mark, parts: list };
    }
  }
  throw new StorageError('UPLOAD_UNKNOWN', 'the state of the upload is not of this driver');
}

function pack({ etag, crc32 }: Part): string {
  const name = MD5.test(etag)
    ? Buffer.from(etag.slice(1, -1), 'hex').toString('base64url')
    : `=${encodeURIComponent(etag)}`;
  return crc32 === undefined ? name : `${name},${crc32}`;
}

function unpack(text: string): Part {
  const [name = '', crc32] = text.split(',');
  const etag = name.startsWith('=')
    ? decodeURIComponent(name.slice(1))
    : `"${Buffer.from(name, 'base64url').toString('hex')}"`;
  return { etag, ...(crc32 === undefined ? {} : { crc32 }) };
}
