import { createHash } from 'node:crypto';
import type { SmallObject, StorageDriver } from '@entrepot/plugin-sdk';
import { finishDigest, splitDigest } from '../../digest.ts';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import { decodeRecord, type RecordFormat } from '../records.ts';
import type { StoredManifest } from '../stored-manifest.ts';
import type { Claims } from './claims.ts';
import type { LostBlobs } from './lost-blobs.ts';
import type { Quarantine } from './quarantine.ts';

/** How a storage is verified. */
export interface VerifyOptions {
  /** Whether the bytes of every blob are hashed, not only measured. */
  readonly deep: boolean;
  /** Whether what is found is repaired, as far as that is certain. */
  readonly repair: boolean;
  /** What manifests may refer to although it is absent. */
  readonly mayLack: 'nothing' | 'children' | 'anything';
  /** Milliseconds an upload may rest before it is ended. */
  readonly uploadMaxAge: number;
  /** @throws RegistryError when the manifest cannot be read. */
  readonly parse: (manifest: StoredManifest) => ParsedManifest;
  /** Ends the uploads that have rested too long, and removes tails that no upload has. */
  readonly sweepUploads: () => Promise<unknown>;
  readonly waits?: VerifyWaits;
}

/** How long verifying waits before it believes something; milliseconds. */
export interface VerifyWaits {
  /** Between two looks at the same thing: a push that is under way has gone on by then. */
  readonly patience: number;
  /** Between two looks at bytes that nothing refers to, before they are removed. */
  readonly settle: number;
  /** What is younger may belong to a push that is under way. */
  readonly safetyAge: number;
}

/** How far verifying has come. */
export interface VerifyProgress {
  /** Objects there are, as far as they have been counted. */
  total: number;
  /** Objects that have been looked at. */
  objects: number;
  /** Bytes of blobs that have been hashed. */
  bytes: number;
  /** It is letting time pass before it believes that bytes are nobody's. */
  isWaiting: boolean;
}

/** What every check works with. */
export interface Inspection {
  readonly driver: StorageDriver;
  readonly options: VerifyOptions;
  readonly waits: VerifyWaits;
  readonly progress: VerifyProgress;
  readonly quarantine: Quarantine;
  /** Keys of bytes that something refers to. */
  readonly claims: Claims;
  readonly lost: LostBlobs;
}

/** A record as it is in storage at this moment. */
export interface Inspected<Value> {
  readonly object: SmallObject;
  /** `undefined` when the record is damaged. */
  readonly value: Value | undefined;
}

/** Reads a record past all caches. `undefined` when there is none. */
export async function inspect<Value>(
  { driver }: Inspection,
  format: RecordFormat<Value>,
  key: string,
): Promise<Inspected<Value> | undefined> {
  const object = await driver.read(key);
  return object === undefined ? undefined : { object, value: decodeRecord(format, key, object.bytes) };
}

/** Whether the bytes under `key` are there and have this digest. */
export async function isDigestOf(
  { driver, progress }: Inspection,
  digest: string,
  key: string,
): Promise<boolean> {
  const object = await driver.open(key);
  if (object === undefined) return false;
  const { algorithm } = splitDigest(digest);
  try {
    const hash = createHash(algorithm);
    for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
      hash.update(chunk);
      progress.bytes += chunk.length;
    }
    return finishDigest(hash, algorithm) === digest;
  } finally {
    await object.close();
  }
}
