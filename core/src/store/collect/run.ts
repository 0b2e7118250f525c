import type { PacedStorage } from './paced-storage.ts';
import type { ParseManifest } from './references.ts';
import type { Tally } from './tally.ts';

/** What collection is to keep. */
export interface CollectRules {
  /**
   * Milliseconds that whatever somebody has been promised stays at least, needed or not: after an upload, a mount or a
   * HEAD, and once more after nothing was found to refer to it.
   */
  readonly grace: number;
  /** Milliseconds that a manifest stays which no tag, index or subject holds any more; `undefined`: for ever. */
  readonly keepUntagged: number | undefined;
  /** Milliseconds for which what clients delete can be restored. */
  readonly restoreWindow: number;
  /** Whether everything is looked at and nothing changed. */
  readonly dryRun: boolean;
}

/** How far a run has come. */
export interface CollectProgress {
  /** What it is doing. */
  phase: 'counting' | 'marking' | 'looking' | 'deleting';
  /** Objects it has to look at, once they have been counted. */
  total: number;
  /** Objects it has looked at. */
  objects: number;
  /** Blobs and manifests deleted so far, and their bytes. */
  deleted: number;
  freed: number;
}

/** What every part of one run works with. */
export interface Run {
  readonly storage: PacedStorage;
  readonly rules: CollectRules;
  /** When its mark began; milliseconds since 1970. */
  readonly began: number;
  readonly parse: ParseManifest;
  readonly progress: CollectProgress;
  readonly blobs: Tally;
  readonly manifests: Tally;
}
