/** What repositories beyond the bound are counted as. No repository can have this name: it has a capital. */
const OTHERS = 'OTHERS';

/** Which repositories have series of their own, and how many at most. */
export class RepositoryLabels {
  readonly #names: ReadonlySet<string>;
  readonly #beginnings: readonly string[];
  readonly #most: number;
  readonly #seen = new Set<string>();

  /** `wanted` are names, or beginnings of names with a `*` behind. */
  constructor(wanted: readonly string[], most: number) {
    this.#names = new Set(wanted.filter((name) => !name.endsWith('*')));
    this.#beginnings = wanted.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
    this.#most = most;
  }

  /**
   * The label of a repository; undefined when it has none. What was refused makes no new series: clients could name any
   * repository.
   */
  labelOf(repository: string, status: number): string | undefined {
    if (this.#seen.has(repository)) return repository;
    if (status >= 400 || !this.#isWanted(repository)) return undefined;
    if (this.#seen.size >= this.#most) return OTHERS;
    this.#seen.add(repository);
    return repository;
  }

  #isWanted(repository: string): boolean {
    return (
      this.#names.has(repository) || this.#beginnings.some((beginning) => repository.startsWith(beginning))
    );
  }
}
