import type { RegistryClient } from './registry-client.ts';

/** How far a copy has come. */
export interface CopyProgress {
  /** Tags, or manifests named by a digest: those found so far, those that are there now, and those that could not be copied. */
  readonly tags: { found: number; copied: number; there: number; failed: number };
  readonly manifests: { copied: number };
  /** Blobs that were sent, taken from another repository of the registry, and there already; bytes that were sent. */
  readonly blobs: { copied: number; mounted: number; there: number; bytes: number };
}

/** What every part of one copy works with. */
export interface CopyRun {
  readonly source: RegistryClient;
  readonly target: RegistryClient;
  /** Whether both are the same registry. */
  readonly isSame: boolean;
  /** Whether nothing is written. */
  readonly dryRun: boolean;
  /** Whether signatures, attestations and the like go with what they are attached to. */
  readonly referrers: boolean;
  readonly progress: CopyProgress;
}

/** A repository there, and the one here that it becomes. */
export interface RepositoryPair {
  readonly from: string;
  readonly to: string;
}
