import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { tar } from './tar.ts';

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: {
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  },
};

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An OCI image layout (image-spec, image-layout.md) on disk, with one image and one index of two platforms. */
export interface ImageLayout {
  readonly folder: string;
  /** Digest of the image tagged `image` in the layout: gzip layers, for amd64. */
  readonly image: string;
  /** Digest of the index tagged `index` in the layout: amd64 as above, arm64 with a zstd layer. */
  readonly index: string;
}

/** Writes a layout. `seed` makes its content differ from that of other seeds. */
export async function writeImageLayout(folder: string, seed: string): Promise<ImageLayout> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  const amd64 = await writeImage(folder, 'amd64', 'gzip', seed);
  const arm64 = await writeImage(folder, 'arm64', 'zstd', seed);
  const index = await writeJson(folder, mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      { ...amd64, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm64, platform: { os: 'linux', architecture: 'arm64' } },
    ],
    annotations: { 'org.opencontainers.image.title': `two platforms, ${seed}` },
  });
  const tagged = (descriptor: Descriptor, tag: string): object => ({
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': tag },
  });
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [tagged(amd64, 'image'), tagged(index, 'index')] }),
  );
  return { folder, image: amd64.digest, index: index.digest };
}

/**
 * The digests of all that a manifest or an index of the layout in `folder` reaches, itself included, sorted. Each is
 * computed from the bytes that lie there.
 * @throws Error when something is missing or its bytes are not those of its digest.
 */
export async function reachableDigests(folder: string, digest: string): Promise<string[]> {
  const bytes = await readFile(blobPath(folder, digest));
  if (digestOf(bytes) !== digest)
    throw new Error(`The bytes of ${digest} in ${folder} are ${digestOf(bytes)}.`);
  const found = [digest];
  if (bytes[0] === '{'.charCodeAt(0)) {
    for (const child of childrenOf(JSON.parse(bytes.toString())))
      found.push(...(await reachableDigests(folder, child)));
  }
  return [...new Set(found)].sort();
}

/** `sha256:<hex>` of these bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Bytes that no compression makes smaller, the same for the same seed. */
export function noise(seed: string, size: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

async function writeImage(
  folder: string,
  architecture: string,
  compression: keyof typeof mediaTypes.layer,
  seed: string,
): Promise<Descriptor> {
  const archives = [
    tar({ 'etc/hello': Buffer.from(`hello from ${seed} on ${architecture}\n`) }),
    tar({ 'srv/noise': noise(`${seed} ${architecture}`, 3_000_000) }),
  ];
  const compress = compression === 'gzip' ? gzipSync : zstdCompressSync;
  const layers = await Promise.all(
    archives.map((archive) => writeBlob(folder, mediaTypes.layer[compression], compress(archive))),
  );
  const config = await writeJson(folder, mediaTypes.config, {
    architecture,
    os: 'linux',
    config: { Cmd: ['/srv/noise'] },
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
    history: archives.map((_, layer) => ({ created_by: `layer ${layer} of ${seed}` })),
  });
  return writeJson(folder, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers,
  });
}

async function writeJson(folder: string, mediaType: string, json: object): Promise<Descriptor> {
  return writeBlob(folder, mediaType, Buffer.from(JSON.stringify(json)));
}

async function writeBlob(folder: string, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const digest = digestOf(bytes);
  await writeFile(blobPath(folder, digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

function blobPath(folder: string, digest: string): string {
  return join(folder, 'blobs', ...digest.split(':'));
}

/** The digests that a JSON document's `manifests`, `config` and `layers` name. */
function childrenOf(json: unknown): string[] {
  if (typeof json !== 'object' || json === null) return [];
  const { manifests, config, layers }: { manifests?: unknown; config?: unknown; layers?: unknown } = json;
  return [manifests, config, layers]
    .flat()
    .flatMap((descriptor) =>
      typeof descriptor === 'object' && descriptor !== null && 'digest' in descriptor
        ? [String(descriptor.digest)]
        : [],
    );
}
