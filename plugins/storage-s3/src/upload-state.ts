import { StorageError, type JsonValue, type Upload } from '@entrepot/plugin-sdk';

/** What this driver keeps of an upload between calls. */
export interface UploadState {
  /** Names the multipart upload. */
  readonly id: string;
  /** The mark that the finished object will carry. */
  readonly mark: string;
  /**
   * Of the parts, in order. Completing by them, instead of asking the backend which parts there are, is what makes an
   * earlier state of the upload valid, and parts of a writer that came too late worthless.
   */
  readonly etags: readonly string[];
}

const MD5 = /^"[0-9a-f]{32}"$/;

/**
 * A state as JSON. Etags of parts are nearly always MD5 sums, for which 22 characters suffice: 10,000 parts, the most
 * there can be, take 230 KB.
 */
export function encodeState({ id, mark, etags }: UploadState): JsonValue {
  return { id, mark, etags: etags.map(pack).join(' ') };
}

/** @throws StorageError `UPLOAD_UNKNOWN` when it is not the state of this upload. */
export function decodeState({ state, parts }: Pick<Upload, 'state' | 'parts'>): UploadState {
  if (typeof state === 'object' && state !== null && 'etags' in state) {
    const { id, mark, etags } = state;
    if (typeof id === 'string' && typeof mark === 'string' && typeof etags === 'string') {
      const list = etags === '' ? [] : etags.split(' ').map(unpack);
      if (list.length === parts) return { id, mark, etags: list };
    }
  }
  throw new StorageError('UPLOAD_UNKNOWN', 'the state of the upload is not of this driver');
}

function pack(etag: string): string {
  return MD5.test(etag)
    ? Buffer.from(etag.slice(1, -1), 'hex').toString('base64url')
    : `=${encodeURIComponent(etag)}`;
}

function unpack(text: string): string {
  return text.startsWith('=')
    ? decodeURIComponent(text.slice(1))
    : `"${Buffer.from(text, 'base64url').toString('hex')}"`;
}
