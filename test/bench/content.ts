import { createHash, randomBytes } from 'node:crypto';
import type { Connections } from './connections.ts';

export const REPOSITORY = 'library/app';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A manifest of these layers, and a digest of its own for each title. */
export function manifestOf(title: string, layers: readonly Buffer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      layers: layers.map((bytes) => ({
        mediaType: 'application/octet-stream',
        digest: digestOf(bytes),
        size: bytes.length,
      })),
      annotations: { title },
    }),
  );
}

/** The same bytes but for the first, so that no two have one digest and making them costs little. */
export function variantOf(bytes: Buffer): Buffer {
  const variant = Buffer.from(bytes);
  randomBytes(16).copy(variant);
  return variant;
}

/** POST, then all bytes in one PUT. Gives the digest. */
export async function push(registry: Connections, bytes: Buffer, repository = REPOSITORY): Promise<string> {
  const digest = digestOf(bytes);
  const path = `/v2/${repository}/blobs/uploads/`;
  const { location } = await registry.ask({ method: 'POST', path, status: 202 });
  const separator = location.includes('?') ? '&' : '?';
  const end = `${location}${separator}digest=${encodeURIComponent(digest)}`;
  await registry.ask({ method: 'PUT', path: end, body: bytes, status: 201 });
  return digest;
}

export async function put(
  registry: Connections,
  manifest: Buffer,
  reference: string,
  repository = REPOSITORY,
): Promise<void> {
  const path = `/v2/${repository}/manifests/${reference}`;
  await registry.ask({ method: 'PUT', path, type: MANIFEST_TYPE, body: manifest, status: 201 });
}
