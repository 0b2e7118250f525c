/**
 * - `damage`: content is missing or wrong, or clients can notice that something is.
 * - `leftover`: only space is lost.
 * - `notice`: as somebody has wanted it, or nothing that verifying can judge. A registry with notices alone is sound.
 */
export type Severity = 'damage' | 'leftover' | 'notice';

/** What can be found. Kinds are API; what they say of a case is in its `detail`. */
export const findingKinds = {
  'missing-data': 'damage',
  'wrong-size': 'damage',
  'wrong-digest': 'damage',
  'damaged-record': 'damage',
  'damaged-manifest': 'damage',
  'incomplete-manifest': 'damage',
  'dangling-tag': 'damage',
  'missing-referrers-entry': 'damage',
  'dangling-referrers-entry': 'damage',
  'missing-catalog-entry': 'damage',
  unreadable: 'damage',
  'dangling-link': 'leftover',
  'orphaned-data': 'leftover',
  'orphaned-tail': 'leftover',
  'stale-upload': 'leftover',
  'sparse-index': 'notice',
  'unparsed-manifest': 'notice',
  'empty-repository': 'notice',
  'foreign-object': 'notice',
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingKind = keyof typeof findingKinds;

/** Something in storage that is not as it should be. */
export interface Finding {
  readonly kind: FindingKind;
  /** Storage key of the object that is concerned. */
  readonly key: string;
  /** What is wrong, for people. */
  readonly detail: string;
  readonly repository?: string;
  readonly digest?: string;
  readonly tag?: string;
  /** What repairing has done about it; absent when nothing was to be done, or nothing could be. */
  readonly repair?: string;
}

/**
 * A finding that is looked at once more before it counts, and what would repair it. A repair gives what it has done, or
 * `undefined` when there is nothing it may do with certainty.
 */
export interface Suspicion {
  readonly finding: Finding;
  readonly repair?: () => Promise<string | undefined>;
}

/** A key under one of our prefixes that core never wrote: others may have put it there, so it stays. */
export function foreign(key: string): readonly Suspicion[] {
  return [{ finding: { kind: 'foreign-object', key, detail: 'no key of this registry; it is left alone' } }];
}
