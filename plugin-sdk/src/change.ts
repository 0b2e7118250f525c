import type { Identity } from './auth.ts';

/** A change that takes something from those who pull, or might: told to `change` taps the moment before it is made. */
export interface ContentChange {
  /**
   * - `set`: the tag is about to point at `digest`.
   * - `delete`: a tag, a manifest, or a blob of the repository is about to go. Tags that go with a manifest are told
   *   one by one, after the manifest itself.
   */
  readonly action: 'set' | 'delete';
  readonly kind: 'tag' | 'manifest' | 'blob';
  readonly repository: string;
  /** For `kind: 'tag'`. */
  readonly tag?: string;
  /** What the tag is to point at; of what is deleted, what it is, or what the tag points at. */
  readonly digest: string;
  /** What a tag that is set points at at this moment; absent when there is none. */
  readonly previousDigest?: string;
  readonly identity: Identity | undefined;
}
