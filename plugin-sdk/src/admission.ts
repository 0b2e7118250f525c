import type { Identity } from './auth.ts';

/**
 * Something that a client wants to add to a repository, before any byte of it is taken. What `admit` taps see: for every
 * request of an upload, for a mount and for a manifest.
 */
export interface Admission {
  readonly repository: string;
  readonly kind: 'blob' | 'manifest';
  /** Bytes the request brings, as far as it says: 0 for a body of unknown length, for none, and for a mount. */
  readonly bytes: number;
  readonly identity: Identity | undefined;
}

/** What a repository takes, in bytes: each blob that it may read once, and its manifests. */
export interface RepositoryUsage {
  readonly repository: string;
  readonly bytes: number;
}
