import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from './keys.ts';
import { listNames, type NamePage, type PageRequest } from './listing.ts';
import { isCount, jsonFormat, Records, type RecordFormat } from './records.ts';

interface Marker {
  /** Milliseconds since 1970. */
  readonly since: number;
}

const markerFormat: RecordFormat<Marker> = jsonFormat(({ since }) =>
  isCount(since) ? { since } : undefined,
);

/** Which repositories exist: those that hold, or have held, a manifest. */
export class CatalogStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<Marker>;

  constructor(driver: StorageDriver, options: { log: Logger; cacheBytes: number }) {
    this.#driver = driver;
    this.#records = new Records(driver, markerFormat, options);
  }

  async has(repository: string): Promise<boolean> {
    return (await this.#records.read(keys.repository(repository))) !== undefined;
  }

  /** Makes the repository exist. */
  async add(repository: string): Promise<void> {
    if (await this.has(repository)) return;
    await this.#records.create(keys.repository(repository), { since: Date.now() });
  }

  /** Names in byte order of their keys, in which `/` sorts after letters and digits. */
  list({ last, limit }: PageRequest): Promise<NamePage> {
    const encoded = last?.replaceAll('/', '~');
    return listNames(this.#driver, keys.catalog, keys.repositoryOf, { last: encoded, limit });
  }
}
