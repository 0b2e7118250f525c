import type { Descriptor, Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from './concurrency.ts';
import { keys } from './keys.ts';
import { isCount, isObject, jsonFormat, Records, type RecordFormat } from './records.ts';

export interface ReferrersRequest {
  readonly artifactType?: string | undefined;
  /** Only referrers after the one with this digest. */
  readonly last?: string | undefined;
  /** Bytes of descriptors a page may hold; it always holds one. */
  readonly maxBytes: number;
  /** Descriptors a page may hold. */
  readonly limit: number;
}

export interface ReferrersPage {
  readonly descriptors: readonly Descriptor[];
  /** Digest to go on after, when there may be more. */
  readonly next: string | undefined;
}

const READS_AT_ONCE = 32;
const KEYS_AT_ONCE = 200;

const referrerFormat: RecordFormat<Descriptor> = jsonFormat(
  ({ mediaType, digest, size, artifactType, annotations }) =>
    typeof mediaType === 'string' && typeof digest === 'string' && isCount(size)
      ? {
          mediaType,
          digest,
          size,
          ...(typeof artifactType === 'string' ? { artifactType } : {}),
          ...(isTexts(annotations) ? { annotations } : {}),
        }
      : undefined,
);

/** Which manifests of a repository name another as their subject. One object each: adding and removing never race. */
export class ReferrerStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<Descriptor>;

  constructor(driver: StorageDriver, options: { log: Logger; cacheBytes: number }) {
    this.#driver = driver;
    this.#records = new Records(driver, referrerFormat, options);
  }

  async add(repository: string, subject: string, referrer: Descriptor): Promise<void> {
    await this.#records.create(keys.referrer(repository, subject, referrer.digest), referrer);
  }

  async remove(repository: string, subject: string, digest: string): Promise<void> {
    await this.#records.delete(keys.referrer(repository, subject, digest));
  }

  /** Referrers of `subject` in the order of their digests. */
  async list(repository: string, subject: string, request: ReferrersRequest): Promise<ReferrersPage> {
    const { artifactType, last, maxBytes, limit } = request;
    const prefix = keys.referrers(repository, subject);
    const descriptors: Descriptor[] = [];
    let bytes = 0;
    let startAfter = last === undefined ? '' : prefix + last.replace(':', '-');
    for (let more = true; more;) {
      const page = await this.#driver.list(prefix, { startAfter, limit: KEYS_AT_ONCE });
      const found = await mapLimited(page.keys, READS_AT_ONCE, (key) => this.#records.read(key));
      for (const referrer of found) {
        if (referrer === undefined) continue;
        if (artifactType !== undefined && referrer.value.artifactType !== artifactType) continue;
        bytes += referrer.object.bytes.length;
        if (descriptors.length > 0 && (bytes > maxBytes || descriptors.length >= limit)) {
          return { descriptors, next: descriptors.at(-1)?.digest };
        }
        descriptors.push(referrer.value);
      }
      startAfter = page.keys.at(-1) ?? startAfter;
      ({ more } = page);
    }
    return { descriptors, next: undefined };
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}
