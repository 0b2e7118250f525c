import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import type { Store } from '../index.ts';
import type { OtherRegistry } from './other-registry.ts';
import type { TransferProgress } from './transfer.ts';

/** How content of another registry is taken over. */
export interface AdoptOptions {
  /** Whether everything is looked at and nothing written. */
  readonly dryRun: boolean;
  /** Whether the bytes of every blob that is taken over are hashed, not only measured. */
  readonly deep: boolean;
  /** What manifests may refer to although it is absent. */
  readonly mayLack: 'nothing' | 'children' | 'anything';
  readonly isRepositoryName: (text: string) => boolean;
  readonly isTag: (text: string) => boolean;
  /** Without a media type, that is told from the bytes. @throws RegistryError when the manifest cannot be read. */
  readonly parse: (bytes: Uint8Array, mediaType: string | undefined, digest: string) => ParsedManifest;
}

/** What every part of one run works with. */
export interface AdoptionRun {
  readonly store: Pick<Store, 'blobs' | 'manifests' | 'tags'>;
  /** The storage, with all its driver can do. */
  readonly driver: StorageDriver;
  readonly other: OtherRegistry;
  readonly options: AdoptOptions;
  readonly progress: TransferProgress;
}
