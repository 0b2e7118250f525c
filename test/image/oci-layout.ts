import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

const mediaTypes = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
} as const;

/** As OCI's image-spec has it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer, and the digest of its archive before compression. */
export interface Layer extends Descriptor {
  readonly diffId: string;
}

/** An OCI image layout (image-spec 1.1, image-layout.md) that is being written. */
export class OciLayout {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(folder: string): Promise<OciLayout> {
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
    await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    return new OciLayout(folder);
  }

  async writeLayer(archive: Readable): Promise<Layer> {
    const [plain, compressed] = [createHash('sha256'), createHash('sha256')];
    const workplace = await mkdtemp(join(this.folder, 'layer-'));
    const unnamed = join(workplace, 'layer.tar.gz');
    let size = 0;
    const counting = hashing(compressed, (length) => (size += length));
    await pipeline(archive, hashing(plain), createGzip(), counting, createWriteStream(unnamed));
    const digest = digestOf(compressed);
    await rename(unnamed, this.#pathOf(digest));
    await rm(workplace, { recursive: true });
    return { mediaType: mediaTypes.layer, digest, size, diffId: digestOf(plain) };
  }

  /** Writes the config and the manifest of an image over these layers, and names it `tag`. Gives the descriptor of the manifest. */
  async writeImage(
    config: object,
    layers: readonly Layer[],
    annotations: object,
    tag: string,
  ): Promise<Descriptor> {
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
    const manifest = await this.#writeJson(mediaTypes.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: await this.#writeJson(mediaTypes.config, { ...config, rootfs }),
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      annotations,
    });
    const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } };
    const index = { schemaVersion: 2, manifests: [named] };
    await writeFile(join(this.folder, 'index.json'), JSON.stringify(index));
    return manifest;
  }

  async #writeJson(mediaType: string, json: object): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(json));
    const digest = digestOf(createHash('sha256').update(bytes));
    await writeFile(this.#pathOf(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  }

  #pathOf(digest: string): string {
    return join(this.folder, 'blobs', ...digest.split(':'));
  }
}

/** Lets bytes through, and into a hash. */
function hashing(hash: Hash, count: (length: number) => void = () => undefined): Transform {
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      hash.update(bytes);
      count(bytes.length);
      done(null, bytes);
    },
  });
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
