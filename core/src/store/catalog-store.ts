import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from './keys.ts';
import { listNames, type NamePage, type PageRequest } from './listing.ts';
import {
  isCount,
  jsonFormat,
  Records,
  type RecordsOptions,
  type RecordFormat,
  type Seen,
} from './records.ts';

export interface Marker {
  /** Milliseconds since 1970. */
  readonly since: number;
}

export const markerFormat: RecordFormat<Marker> = jsonFormat(({ since }) =>
  isCount(since) ? { since } : undefined,
);

/** Which repositories exist: those that hold, or have held, a manifest. */
export class CatalogStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<Marker>;

  constructor(driver: StorageDriver, options: RecordsOptions) {
    this.#driver = driver;
    this.#records = new Records(driver, markerFormat, options);
  }

  /** The key says it all: a repository exists also when its record is damaged. */
  async has(repository: string): Promise<boolean> {
    const key = keys.repository(repository);
    return (await this.#records.read(key)) !== undefined || (await this.#driver.size(key)) !== undefined;
  }

  /** What {@link add} begins with. */
  see(repository: string): Promise<Seen<Marker>> {
    return this.#records.see(keys.repository(repository));
  }

  /** Makes the repository exist; one that has been seen goes on to, whatever becomes of its manifests. */
  async add(repository: string, { stored }: Seen<Marker>): Promise<void> {
    if (stored === undefined) await this.#records.create(keys.repository(repository), { since: Date.now() });
  }

  /** Names in byte order of their keys, in which `/` sorts after letters and digits. */
  list({ last, limit }: PageRequest): Promise<NamePage> {
    const encoded = last?.replaceAll('/', '~');
    return listNames(this.#driver, keys.catalog, keys.repositoryOf, { last: encoded, limit });
  }
}
