/** Why something did not go over. Reasons are API; what they say of a case is in `detail`. */
export type SkipReason =
  | 'damaged-link'
  | 'damaged-manifest'
  | 'incomplete-manifest'
  | 'kept-tag'
  | 'missing-manifest'
  | 'unsupported-manifest'
  | 'unsupported-name';

/** Something that did not go over. All else did. */
export interface Skip {
  readonly reason: SkipReason;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
  /** What is the matter, for people. */
  readonly detail: string;
}

/** How far content has gone over from one kind of registry to the other. */
export interface TransferProgress {
  /** Repositories there are, once they have been counted. */
  total: number;
  readonly repositories: { done: number };
  readonly tags: { found: number; set: number; skipped: number };
  readonly manifests: { found: number; taken: number; skipped: number };
  /** Blobs that are new where they go, their bytes, and how many bytes were read for it. */
  readonly blobs: { taken: number; bytes: number; read: number };
}

/** Nothing has gone over yet. */
export function noProgress(): TransferProgress {
  return {
    total: 0,
    repositories: { done: 0 },
    tags: { found: 0, set: 0, skipped: 0 },
    manifests: { found: 0, taken: 0, skipped: 0 },
    blobs: { taken: 0, bytes: 0, read: 0 },
  };
}
