import type { Descriptor, StorageDriver } from '@entrepot/plugin-sdk';
import { mapLimited } from './concurrency.ts';
import { keys } from './keys.ts';
import { isCount, isObject, jsonFormat, Records, type RecordsOptions, type RecordFormat } from './records.ts';

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

export interface Referrer {
  readonly descriptor: Descriptor;
  /** The life of the manifest that the entry is of. */
  readonly incarnation: string;
}

const json: RecordFormat<Referrer> = jsonFormat(({ descriptor, incarnation }) => {
  if (!isObject(descriptor) || typeof incarnation !== 'string') return undefined;
  const { mediaType, digest, size, artifactType, annotations } = descriptor;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isCount(size)) return undefined;
  return {
    descriptor: {
      mediaType,
      digest,
      size,
      ...(typeof artifactType === 'string' ? { artifactType } : {}),
      ...(isTexts(annotations) ? { annotations } : {}),
    },
    incarnation,
  };
});

export const referrerFormat: RecordFormat<Referrer> = {
  ...json,
  belongs: ({ descriptor }, key) => keys.isOfReferrer(key, descriptor.digest),
};

/** Which manifests of a repository name another as their subject. One object each: adding and removing never race. */
export class ReferrerStore {
  readonly #driver: StorageDriver;
  readonly #records: Records<Referrer>;

  constructor(driver: StorageDriver, options: RecordsOptions) {
    this.#driver = driver;
    this.#records = new Records(driver, referrerFormat, options);
  }

  /** Names a manifest as a referrer of `subject`, in this life of it. */
  async add(repository: string, subject: string, descriptor: Descriptor, incarnation: string): Promise<void> {
    const key = keys.referrer(repository, subject, descriptor.digest);
    const referrer = { descriptor, incarnation };
    if ((await this.#records.create(key, referrer)) !== undefined) return;
    await this.#records.update(key, (current) =>
      current?.incarnation === incarnation && current.descriptor.mediaType === descriptor.mediaType
        ? undefined
        : referrer,
    );
  }

  /** Removes the entry, unless `isDoomed` says no, which is asked after it has been read and gets its life. */
  async remove(
    repository: string,
    subject: string,
    digest: string,
    isDoomed: (incarnation: string) => Promise<boolean>,
  ): Promise<void> {
    const key = keys.referrer(repository, subject, digest);
    const current = await this.#records.read(key);
    if (current === undefined || !(await isDoomed(current.value.incarnation))) return;
    await this.#records.delete(key, current);
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
        const { descriptor } = referrer.value;
        if (artifactType !== undefined && descriptor.artifactType !== artifactType) continue;
        bytes += referrer.object.bytes.length;
        if (descriptors.length > 0 && (bytes > maxBytes || descriptors.length >= limit)) {
          return { descriptors, next: descriptors.at(-1)?.digest };
        }
        descriptors.push(descriptor);
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
