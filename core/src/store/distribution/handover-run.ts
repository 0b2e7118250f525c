import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import type { Store } from '../index.ts';
import type { StoredManifest } from '../stored-manifest.ts';
import type { OtherRegistry } from './other-registry.ts';
import type { TransferProgress } from './transfer.ts';

/** How content is handed over to another registry. */
export interface HandoverOptions {
  /** Whether everything is looked at and nothing written. */
  readonly dryRun: boolean;
  /** @throws RegistryError when the manifest cannot be read. */
  readonly parse: (manifest: StoredManifest) => ParsedManifest;
}

/** What every part of one run works with. */
export interface HandoverRun {
  readonly store: Pick<Store, 'blobs' | 'catalog' | 'manifests' | 'tags'>;
  /** The storage, with all its driver can do. */
  readonly driver: StorageDriver;
  readonly other: OtherRegistry;
  readonly options: HandoverOptions;
  readonly progress: TransferProgress;
}
