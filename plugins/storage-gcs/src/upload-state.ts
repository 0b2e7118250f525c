import { randomBytes } from 'node:crypto';
import { StorageError, type JsonValue, type Upload } from '@entrepot/plugin-sdk';

/** What this driver keeps of an upload between calls. */
export interface UploadState {
  /** Unlike that of any other upload. */
  readonly id: string;
  /** When it began; milliseconds. */
  readonly begun: number;
  /** One for each part, in order: see {@link partName}. */
  readonly nonces: readonly string[];
}

const ID = /^[A-Za-z0-9_-]{22}$/;
const NONCES = /^[A-Za-z0-9_-]*$/;
const NONCE_LENGTH = 6;

/** Milliseconds an upload may take: far shorter than abortions are remembered (see AbortedUploads). */
const LONGEST = 30 * 24 * 3600 * 1000;

export function newUpload(): UploadState {
  return { id: randomBytes(16).toString('base64url'), begun: Date.now(), nonces: [] };
}

export function newNonce(): string {
  return randomBytes(NONCE_LENGTH).toString('base64url').slice(0, NONCE_LENGTH);
}

/**
 * The name, within its upload, of the object that holds part `number` (from 0). Its nonce is drawn anew for each call of
 * `uploadPart`, so a part that is repeated is another object, and one that comes late, from a process that has lost the
 * upload for instance, is an object that nobody asks for.
 */
export function partName(number: number, nonce: string): string {
  return `${String(number).padStart(5, '0')}-${nonce}`;
}

export function partNames({ nonces }: UploadState): string[] {
  return nonces.map((nonce, number) => partName(number, nonce));
}

/** A state as JSON: 26 KB for 120 GiB that began with parts of 8 MiB. */
export function encodeState({ id, begun, nonces }: UploadState): JsonValue {
  return { id, begun, nonces: nonces.join('') };
}

/** @throws StorageError `UPLOAD_UNKNOWN` when it is not the state of this upload, or too old. */
export function decodeState({ state, parts }: Pick<Upload, 'state' | 'parts'>): UploadState {
  const decoded = parseState(state);
  if (decoded?.nonces.length !== parts)
    throw new StorageError('UPLOAD_UNKNOWN', 'the state of the upload is not of this driver');
  if (Date.now() - decoded.begun > LONGEST)
    throw new StorageError('UPLOAD_UNKNOWN', 'the upload began more than 30 days ago');
  return decoded;
}

/** `undefined` for what is no state of this driver. */
export function parseState(state: JsonValue): UploadState | undefined {
  if (typeof state !== 'object' || state === null || !('nonces' in state)) return undefined;
  const { id, begun, nonces } = state;
  if (typeof id !== 'string' || !ID.test(id) || typeof begun !== 'number') return undefined;
  if (typeof nonces !== 'string' || !NONCES.test(nonces)) return undefined;
  const count = nonces.length / NONCE_LENGTH;
  if (!Number.isInteger(count)) return undefined;
  const list = Array.from({ length: count }, (_, number) =>
    nonces.slice(number * NONCE_LENGTH, (number + 1) * NONCE_LENGTH),
  );
  return { id, begun, nonces: list };
}
