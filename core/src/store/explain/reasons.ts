/** What keeps a blob or a manifest. */
export type Holder =
  /** A manifest that refers to it. */
  | { readonly kind: 'manifest'; readonly repository: string; readonly digest: string }
  /** A tag that names it, or that has named it not long ago and can be restored. */
  | { readonly kind: 'tag' | 'former tag' | 'deleted tag'; readonly tag: string }
  /** An index that lists it, or its subject; `goes` says that collection has condemned that one. */
  | { readonly kind: 'index' | 'subject'; readonly digest: string; readonly goes: boolean };

/**
 * - `live`: it is there.
 * - `condemned`: collection has found that nothing refers to it; it is there until somebody needs it, or it goes.
 * - `deleting`: it counts as absent, and is being removed.
 * - `deleted`: a client has deleted it; it can be restored for a while.
 * - `damaged`: what is stored of it makes no sense, see `registry verify`.
 */
export type State = 'live' | 'condemned' | 'deleting' | 'deleted' | 'damaged' | 'absent';

/** Why something is there, or is not. Times are in milliseconds since 1970. */
export interface Reasons {
  readonly kind: 'blob' | 'manifest';
  readonly digest: string;
  /** That of a manifest; a blob is the registry's. */
  readonly repository?: string;
  readonly state: State;
  /** Bytes. */
  readonly size: number | undefined;
  /** Repositories of the catalog that may read the blob. */
  readonly repositories?: number;
  /** How many things hold it, and the first of them. */
  readonly holders: number;
  readonly heldBy: readonly Holder[];
  /** Somebody has been promised it: until then it stays, needed or not. */
  readonly promisedUntil: number | undefined;
  /** When it may go at the earliest, if nobody needs it meanwhile; `undefined` when it stays, or is not there. */
  readonly goes: number | undefined;
}

/** What would remove it, and how soon. Milliseconds, as collection has them. */
export interface ReasonRules {
  readonly grace: number;
  readonly keepUntagged: number | undefined;
  readonly restoreWindow: number;
}

/** Holders that are named; the others are counted. */
const MOST_NAMED = 50;

/** Counts holders, and keeps the first. */
export class Holders {
  readonly named: Holder[] = [];
  #count = 0;
  /** Whether any of them stays. */
  #isHeld = false;

  add(holder: Holder): void {
    this.#count += 1;
    if (this.named.length < MOST_NAMED) this.named.push(holder);
    if (!('goes' in holder) || !holder.goes) this.#isHeld = true;
  }

  /** It stays for a reason that has no name here. */
  hold(): void {
    this.#isHeld = true;
  }

  get count(): number {
    return this.#count;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }
}
