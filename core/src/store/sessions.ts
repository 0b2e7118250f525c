import { isStorageKey, type JsonValue } from '@entrepot/plugin-sdk';
import { isAlgorithm, isDigest, type Algorithm } from '../digest.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';
import { isCount, isObject, jsonFormat, type RecordFormat } from './records.ts';

/** What uploads may take. */
export interface UploadLimits {
  /** Milliseconds an upload may rest before it is ended. */
  readonly maxAge: number;
  /** Uploads whose bytes are received at once. */
  readonly maxConcurrent: number;
}

/** A blob on its way in, as every replica sees it. */
export interface Session {
  readonly repository: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  /** The last time it made progress. */
  readonly touched: number;
  readonly algorithm: Algorithm;
  /** Bytes received and kept. The first `partsEnd` of them are with the driver, the rest is in the tail. */
  readonly offset: number;
  readonly partsEnd: number;
  readonly parts: number;
  /** Where the bytes go. */
  readonly data: string;
  /** The driver's; `undefined` until the first part. */
  readonly state: JsonValue | undefined;
  /** Digest of the bytes up to `offset`, when whoever received them hashed them all; else they are read back. */
  readonly digest: string | undefined;
  /** The client has cancelled it: what is left is the knowledge that its id is no good any more. */
  readonly ended?: boolean;
  /** Who is receiving bytes right now, and when they last said so. */
  readonly claim: { readonly owner: string; readonly at: number } | undefined;
}

/** A session that has no byte yet. */
export function freshSession(repository: string, started: number, algorithm: Algorithm): Session {
  return {
    repository,
    started,
    touched: started,
    algorithm,
    offset: 0,
    partsEnd: 0,
    parts: 0,
    data: keys.data(newId()),
    state: undefined,
    digest: undefined,
    claim: undefined,
  };
}

export const sessionFormat: RecordFormat<Session> = jsonFormat((json) => {
  const { repository, started, touched, algorithm, offset, partsEnd, parts, data } = json;
  const { state, digest, claim, ended } = json;
  if (typeof repository !== 'string' || typeof algorithm !== 'string' || typeof data !== 'string')
    return undefined;
  if (!isAlgorithm(algorithm) || !isStorageKey(data) || !isCount(started) || !isCount(touched))
    return undefined;
  if (!isCount(offset) || !isCount(partsEnd) || !isCount(parts) || partsEnd > offset) return undefined;
  return {
    repository,
    started,
    touched,
    algorithm,
    offset,
    partsEnd,
    parts,
    data,
    state: isJson(state) ? state : undefined,
    digest: typeof digest === 'string' && isDigest(digest) ? digest : undefined,
    claim: isClaim(claim) ? claim : undefined,
    ...(ended === true ? { ended } : {}),
  };
});

function isClaim(value: unknown): value is NonNullable<Session['claim']> {
  return isObject(value) && typeof value['owner'] === 'string' && isCount(value['at']);
}

function isJson(value: unknown): value is JsonValue {
  if (Array.isArray(value)) return value.every(isJson);
  if (isObject(value)) return Object.values(value).every(isJson);
  return value === null || ['boolean', 'number', 'string'].includes(typeof value);
}
