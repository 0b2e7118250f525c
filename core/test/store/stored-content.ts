import { randomBytes } from 'node:crypto';
import { digestOf } from '../../src/digest.ts';
import { mediaTypes } from '../../src/manifest/media-types.ts';
import { parseManifest, type ParsedManifest } from '../../src/manifest/parse-manifest.ts';
import type { IncomingBytes } from '../../src/store/blob-intake.ts';
import { createStore, type Store } from '../../src/store/index.ts';
import type { ManifestPut } from '../../src/store/manifest-store.ts';
import type { StorageDriver } from '@entrepot/plugin-sdk';

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A store as a registry makes it. Two on one backend are two replicas. */
export function storeOn(driver: StorageDriver, { maxAge = 3_600_000, maxConcurrent = 1000 } = {}): Store {
  return createStore(driver, {
    log: quiet,
    uploads: { maxAge, maxConcurrent },
    manifestCacheBytes: 1024 * 1024,
    blobCacheBytes: 1024 * 1024,
  });
}

export interface Content {
  readonly bytes: Buffer;
  readonly digest: string;
}

/** `size` bytes nobody has seen before. */
export function freshContent(size: number): Content {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
}

/** Bytes as a client sends them, in chunks the store may keep. */
export function incoming(bytes: Uint8Array, chunk = 65_536, at?: number): IncomingBytes {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += chunk) yield bytes.slice(start, start + chunk);
  }
  return { body: body(), ...(at === undefined ? {} : { at }) };
}

/** Bytes that break off with `error` once all of them have come. */
export function breaking(bytes: Uint8Array, error: Error): IncomingBytes {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes.slice();
    throw error;
  }
  return { body: body() };
}

/** A manifest that is like no other. */
export function manifestOf(json: object = {}): ParsedManifest {
  const text = JSON.stringify({ layers: [], nonce: randomBytes(8).toString('hex'), ...json });
  return parseManifest(Buffer.from(text), mediaTypes.ociManifest, 'sha256');
}

/** How a manifest is put when nothing is said. */
export function putting(...tags: readonly string[]): ManifestPut {
  return { tags, actor: undefined, mayLack: 'nothing', condition: undefined };
}

export const subjectOf = (): undefined => undefined;
