import type { Descriptor } from '@entrepot/plugin-sdk';
import { digestOf } from '../digest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import type { RegistryClient } from './registry-client.ts';

/**
 * The tag under which clients keep the referrers of a manifest in a registry that keeps no list of them (distribution-spec,
 * "Referrers Tag Schema"): an index, which each of them writes anew.
 */
export class FallbackIndex {
  readonly #registry: RegistryClient;
  readonly #repository: string;

  constructor(registry: RegistryClient, repository: string) {
    this.#registry = registry;
    this.#repository = repository;
  }

  /** Adds a manifest to the referrers of its subject, unless it is there. */
  async add({ digest, mediaType, bytes, artifactType, annotations, subject }: ParsedManifest): Promise<void> {
    if (subject === undefined) return;
    const tag = subject.digest.replace(':', '-');
    const current = await this.#registry.manifest(this.#repository, tag);
    const listed: readonly Descriptor[] =
      current === undefined ? [] : parseManifest(current.bytes, mediaTypes.ociIndex, 'sha256').manifests;
    if (listed.some((each) => each.digest === digest)) return;
    const added = {
      mediaType,
      digest,
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    };
    const manifests = [...rawManifests(current?.bytes), added];
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
    );
    await this.#registry.putManifest(this.#repository, tag, {
      digest: digestOf(index),
      mediaType: mediaTypes.ociIndex,
      bytes: index,
    });
  }
}

/** As they are written there, with members that nobody here knows. */
function rawManifests(bytes: Buffer | undefined): readonly unknown[] {
  const index: unknown = bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8'));
  if (typeof index !== 'object' || index === null || !('manifests' in index)) return [];
  return Array.isArray(index.manifests) ? index.manifests : [];
}
