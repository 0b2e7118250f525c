import { manifestFormat } from '../stored-manifest.ts';
import { keys } from '../keys.ts';
import { inspect, type Inspection } from './inspection.ts';

/** Facts of one kind remembered at most. What is forgotten is asked of storage again. */
const MAX = 50_000;

/** What has been found of one repository so far, in bounded space. Only what is good is believed without another look. */
export class RepositoryView {
  readonly repository: string;
  readonly #inspection: Inspection;
  readonly #readable = new Set<string>();
  /** Digests of sound manifests. */
  readonly #manifests = new Set<string>();
  /** Digests that manifests refer to and that cannot be read. */
  readonly #missing = new Set<string>();

  constructor(inspection: Inspection, repository: string) {
    this.#inspection = inspection;
    this.repository = repository;
  }

  /** Whether a blob has been found readable before. */
  isReadable(digest: string): boolean {
    return this.#readable.has(digest);
  }

  /** Keeps whether a blob that a manifest refers to can be read. */
  judge(digest: string, isReadable: boolean): void {
    if (this.#readable.size >= MAX) this.#readable.clear();
    if (isReadable) this.#readable.add(digest);
    if (isReadable) this.#missing.delete(digest);
    else if (this.#missing.size < MAX) this.#missing.add(digest);
  }

  /** Whether a manifest lacks this blob; when too many are lacking to tell, each one may be. */
  isMissing(digest: string): boolean {
    return this.#missing.size >= MAX || this.#missing.has(digest);
  }

  /** Keeps a sound manifest. */
  keep(digest: string): void {
    if (this.#manifests.size >= MAX) this.#manifests.clear();
    this.#manifests.add(digest);
  }

  /** Whether there is a sound manifest of this digest. */
  async hasManifest(digest: string): Promise<boolean> {
    if (this.#manifests.has(digest)) return true;
    const found = await inspect(this.#inspection, manifestFormat, keys.manifest(this.repository, digest));
    return found?.value !== undefined && found.value.deleted === undefined;
  }
}
