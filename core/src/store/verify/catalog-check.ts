import { markerFormat } from '../catalog-store.ts';
import { keys } from '../keys.ts';
import type { Suspicion } from './finding.ts';
import { inspect, type Inspection } from './inspection.ts';

/** Looks at the entries of the catalog. */
export class CatalogCheck {
  readonly #inspection: Inspection;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  /** Whether the entry of a repository that has manifests is not there. */
  async missing(key: string): Promise<readonly Suspicion[]> {
    const { driver } = this.#inspection;
    const repository = keys.repositoryOf(key);
    if ((await driver.size(key)) !== undefined || !(await this.#hasManifests(repository))) return [];
    const detail = 'the repository has manifests and is not in the catalog';
    const repair = async (): Promise<string> => {
      await driver.write(key, markerFormat.encode({ since: Date.now() }), { ifAbsent: true });
      return 'added the repository to the catalog';
    };
    return [{ finding: { kind: 'missing-catalog-entry', key, repository, detail }, repair }];
  }

  /** An entry that is there. */
  async examine(key: string): Promise<readonly Suspicion[]> {
    const { driver, quarantine } = this.#inspection;
    const found = await inspect(this.#inspection, markerFormat, key);
    if (found === undefined) return [];
    const { object, value } = found;
    const repository = keys.repositoryOf(key);
    const suspicions: Suspicion[] = [];
    if (value === undefined) {
      const detail = 'the entry of the catalog is damaged';
      suspicions.push({
        finding: { kind: 'damaged-record', key, repository, detail },
        repair: async () => {
          if (!(await quarantine.copy(key, object, detail))) return undefined;
          await driver.write(key, markerFormat.encode({ since: Date.now() }), { ifMatch: object.etag });
          return 'wrote the entry anew';
        },
      });
    }
    if (!(await this.#hasManifests(repository))) {
      // Removing the entry would race with a push that relies on it.
      const detail = 'the catalog has the repository, which has no manifest';
      suspicions.push({ finding: { kind: 'empty-repository', key, repository, detail } });
    }
    return suspicions;
  }

  async #hasManifests(repository: string): Promise<boolean> {
    const { keys: first } = await this.#inspection.driver.list(keys.manifests(repository), { limit: 1 });
    return first.length > 0;
  }
}
