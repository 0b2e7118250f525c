/** Blobs remembered at most: beyond, manifests are no longer told to lack them; the blobs themselves have been. */
const MAX = 100_000;

/** Blobs whose record stands and whose bytes are gone or wrong, by the key that the bytes should be under. */
export class LostBlobs {
  readonly #keys = new Map<string, string>();

  add(digest: string, data: string): void {
    if (this.#keys.size < MAX || this.#keys.has(digest)) this.#keys.set(digest, data);
  }

  /** It has turned out sound after all. */
  delete(digest: string): void {
    this.#keys.delete(digest);
  }

  /** Whether these are the very bytes that were found lost: others have been pushed since, if not. */
  has(digest: string, data: string): boolean {
    return this.#keys.get(digest) === data;
  }
}
