import { BloomFilter } from '../bloom-filter.ts';

/** How many condemned manifests are remembered of a mark; what they have become of more, a later run sees. */
const MOST_CONDEMNED = 50_000;

/** What holds a manifest: something that is needed itself, only something that is condemned, or nothing. */
export type Hold = 'needed' | 'condemned' | 'nothing';

/**
 * Which manifests of which repositories are held by tags and by indexes, in a space that does not grow with their
 * number. What is held is always found; what is not is taken for held now and then, and stays until a later run.
 */
export class Holds {
  readonly #byAny: BloomFilter;
  readonly #byNeeded: BloomFilter;
  readonly #condemned = new Set<string>();

  /** For about so many manifests. */
  constructor(count: number) {
    this.#byAny = BloomFilter.forAbout(count);
    this.#byNeeded = BloomFilter.forAbout(count);
  }

  /** A tag holds it, or a manifest, which may be condemned itself. */
  add(repository: string, digest: string, { isCondemned }: { readonly isCondemned: boolean }): void {
    this.#byAny.add(place(repository, digest));
    if (!isCondemned) this.#byNeeded.add(place(repository, digest));
  }

  of(repository: string, digest: string): Hold {
    if (this.#byNeeded.has(place(repository, digest))) return 'needed';
    return this.#byAny.has(place(repository, digest)) ? 'condemned' : 'nothing';
  }

  /** Notes that the mark has met a manifest as condemned. */
  noteCondemned(repository: string, digest: string): void {
    if (this.#condemned.size < MOST_CONDEMNED) this.#condemned.add(place(repository, digest));
  }

  hasNotedCondemned(repository: string, digest: string): boolean {
    return this.#condemned.has(place(repository, digest));
  }
}

function place(repository: string, digest: string): string {
  return `${repository} ${digest}`;
}
