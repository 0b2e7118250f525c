import { createHash } from 'node:crypto';

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** An image with an artifact that refers to it; `seed` makes its content differ from that of others. */
export interface Image {
  /** Small enough to be kept in its record. */
  readonly config: Buffer;
  /** Small enough to be read whole, too large for its record. */
  readonly small: Buffer;
  readonly large: Buffer;
  readonly manifest: Buffer;
  readonly artifact: Buffer;
}

export function imageOf(seed: string): Image {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', author: seed }));
  const small = Buffer.alloc(20_000, `${seed}, small. `);
  const large = Buffer.alloc(200_000, `${seed}, large. `);
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [small, large].map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  });
  const artifact = json({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: 'application/vnd.example.signature',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [],
    subject: descriptor(manifestType, manifest),
    annotations: { 'org.example.signer': seed },
  });
  return { config, small, large, manifest, artifact };
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function descriptor(mediaType: string, bytes: Uint8Array): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
