import { createCipheriv, createHash } from 'node:crypto';

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** Bytes and their digest. */
export interface Content {
  readonly bytes: Buffer;
  readonly digest: string;
}

/** A manifest as a client sends it. */
export interface ManifestContent extends Content {
  readonly mediaType: string;
}

/** As OCI's image-spec has it; what tests put in besides is up to them. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export function digestOf(bytes: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export function contentOf(bytes: Buffer | string): Content {
  return { bytes: Buffer.from(bytes), digest: digestOf(bytes) };
}

/** `length` bytes that do not repeat, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function descriptor({ bytes, digest }: Content, mediaType: string): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

/** A manifest of whatever JSON says. */
export function manifestOf(json: object, mediaType: string = types.manifest): ManifestContent {
  return { ...contentOf(JSON.stringify(json)), mediaType };
}

/** An image manifest over blobs that have to be pushed first. `more` is added at its end. */
export function imageOf(config: Content, layers: readonly Content[], more: object = {}): ManifestContent {
  return manifestOf({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(config, types.config),
    layers: layers.map((layer) => descriptor(layer, types.layer)),
    ...more,
  });
}

/** An index of manifests. `more` is added at its end. */
export function indexOf(children: readonly ManifestContent[], more: object = {}): ManifestContent {
  return manifestOf(
    {
      schemaVersion: 2,
      mediaType: types.index,
      manifests: children.map((child) => descriptor(child, child.mediaType)),
      ...more,
    },
    types.index,
  );
}

/** A manifest that refers to nothing, so that it can be pushed at once; each `name` gives another. */
export function bareManifest(name: string, more: object = {}): ManifestContent {
  return manifestOf({ schemaVersion: 2, mediaType: types.manifest, layers: [], name, ...more });
}
