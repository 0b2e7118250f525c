import type { Identity } from './auth.ts';

/** A content descriptor (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly urls?: readonly string[];
  readonly platform?: Readonly<Record<string, unknown>>;
}

/** A manifest on its way in: parsed, its digest verified, nothing stored yet. What `validateManifest` taps see. */
export interface ManifestSubmission {
  readonly repository: string;
  /** The tags it will get; none when it is pushed by digest alone. */
  readonly tags: readonly string[];
  readonly digest: string;
  readonly mediaType: string;
  /** The exact bytes. Not to be changed. */
  readonly bytes: Uint8Array;
  /** The same as JSON. Not to be changed. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Config and layers. */
  readonly blobs: readonly Descriptor[];
  /** Children of an index. */
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly identity: Identity | undefined;
  /**
   * A blob of the same repository, such as the image's config; `undefined` when it is absent.
   * @throws RegistryError `MANIFEST_INVALID` when it is larger than 4 MiB.
   */
  readBlob(digest: string): Promise<Uint8Array | undefined>;
  /** Lets the push pass, with a `Warning: 299` header that clients show (distribution-spec, "Warnings"). */
  warn(message: string): void;
}
