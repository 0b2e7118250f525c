import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { Blob } from './blob-store.ts';

/** URLs that lead to the bytes of blobs, for storage that can sign them. */
export class BlobUrls {
  readonly #driver: Pick<StorageDriver, 'signUrl'>;

  constructor(driver: Pick<StorageDriver, 'signUrl'>) {
    this.#driver = driver;
  }

  /** Whether it is worth asking. */
  get areSigned(): boolean {
    return this.#driver.signUrl !== undefined;
  }

  /** A URL that gives the bytes to whoever has it, for `expires` seconds; `undefined` when storage gives none. */
  async sign({ data }: Blob, expires: number): Promise<string | undefined> {
    return typeof data === 'string' ? this.#driver.signUrl?.(data, { expires }) : undefined;
  }
}
