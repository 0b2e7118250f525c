import { Range, SemVer } from 'semver';

/** A range of versions, as npm has them (node-semver). */
export class VersionRange {
  readonly #range: Range;
  readonly #includePrerelease: boolean;

  /** @throws Error that says what is no range. */
  constructor(text: string, { includePrerelease }: { readonly includePrerelease: boolean }) {
    this.#includePrerelease = includePrerelease;
    try {
      this.#range = new Range(text, { includePrerelease });
    } catch {
      throw new Error(`'${text}' is no range of versions: '>=1.2 <3', '^1.0.0'`);
    }
  }

  /** Whether the tag is a version, such as `1.2.3` or `v1.2.3-rc.1`, in the range. */
  has(tag: string): boolean {
    try {
      return this.#range.test(new SemVer(tag, { includePrerelease: this.#includePrerelease }));
    } catch (error) {
      // It is no version.
      if (error instanceof TypeError) return false;
      throw error;
    }
  }
}
