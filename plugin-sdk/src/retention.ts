/** A tag, as rules of retention are to judge it. */
export interface JudgedTag {
  readonly tag: string;
  /** What it points at. */
  readonly digest: string;
  /** Since when it points there; milliseconds since 1970. */
  readonly pushed: number;
}

/** What is to become of a tag. */
export interface TagVerdict {
  readonly tag: string;
  readonly keeps: boolean;
  /** The rule that decides, for people. */
  readonly rule: string;
}

/** Which tags are to stay. The registry asks now and then, and deletes the others, unless they have changed since. */
export interface RetentionPolicy {
  /** Milliseconds between the end of a run and the next. */
  readonly interval: number;
  /** Whether tags of this repository may be dropped. The others are not looked through. */
  isAbout(repository: string): boolean;
  /**
   * Judges all tags of a repository. A tag without a verdict stays.
   * @throws Error when it cannot tell: all tags of the repository stay then.
   */
  judge(repository: string, tags: readonly JudgedTag[]): Promise<readonly TagVerdict[]>;
}
