import { isRegistryError } from '@entrepot/plugin-sdk';
import { mapLimited } from '../concurrency.ts';
import { timeOf } from '../ids.ts';
import { keys } from '../keys.ts';
import { manifestFormat, type StoredManifest } from '../stored-manifest.ts';
import { manifestDigest } from '../verify/places.ts';
import type { Hold, Holds } from './holds.ts';
import { AT_ONCE, type Found } from './paced-storage.ts';
import { repositoryKeys } from './repository-keys.ts';
import type { Run } from './run.ts';
import type { Step } from './tally.ts';

/** Removes a manifest that was condemned at this moment, unless somebody has needed it since. Whether it did. */
export type RemoveManifest = (repository: string, digest: string, condemned: number) => Promise<boolean>;

/** One manifest, as it is now. */
interface Candidate {
  readonly repository: string;
  readonly digest: string;
  readonly key: string;
  readonly found: Found<StoredManifest>;
  readonly manifest: StoredManifest;
}

/**
 * Collects manifests that nothing holds: no tag, no index that lists them, no subject that is there.
 *
 *     live ── older than grace, held by nothing that is needed ──► condemned ── so for `keepUntagged`, held by nothing ──► gone
 *      ▲                                                               │
 *      └───── a push, a pull by digest, an index that lists it ────────┘
 *
 * A manifest is condemned when all that holds it is condemned, and goes when all that held it is gone: from the top
 * down, a level in each run. So whatever is there has all its children, and a subject that comes back has its referrers.
 */
export class ManifestCollection {
  readonly #run: Run;
  readonly #holds: Holds;
  readonly #remove: RemoveManifest;
  /** Milliseconds between being condemned and going. */
  readonly #settle: number;

  constructor(run: Run, holds: Holds, keepUntagged: number, remove: RemoveManifest) {
    this.#run = run;
    this.#holds = holds;
    this.#remove = remove;
    this.#settle = Math.max(keepUntagged, run.rules.grace);
  }

  async *steps(): AsyncGenerator<Step> {
    const { storage, progress } = this.#run;
    for await (const page of repositoryKeys(storage, 'manifests')) {
      const steps = await mapLimited(page, AT_ONCE, (key) => this.#examine(key));
      for (const step of steps) if (step !== undefined) yield step;
      progress.objects += page.length;
    }
  }

  async #examine(key: string): Promise<Step | undefined> {
    const repository = keys.holderOf(key);
    const digest = manifestDigest(repository, key);
    if (digest === undefined) return undefined;
    const hold = this.#holds.of(repository, digest);
    if (hold === 'needed' && !this.#holds.hasNotedCondemned(repository, digest)) return undefined;
    const found = await this.#run.storage.read(manifestFormat, key);
    if (found?.value === undefined) return undefined;
    const candidate = { repository, digest, key, found, manifest: found.value };
    const { deleting, condemned } = found.value;
    // A client's deletion is the client's to end; one of ours is gone on with, as everybody takes it for absent already.
    if (deleting) return condemned === undefined ? undefined : this.#delete(candidate, condemned);
    const held = await this.#heldBySubject(candidate, hold);
    return condemned === undefined
      ? this.#live(candidate, held)
      : this.#condemned(candidate, held, condemned);
  }

  /** What stays has its referrers. A manifest that cannot be read stays, and so it does as a subject. */
  async #heldBySubject({ repository, manifest }: Candidate, hold: Hold): Promise<Hold> {
    if (hold === 'needed') return hold;
    let subject: string | undefined;
    try {
      subject = this.#run.parse(manifest).subject?.digest;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return 'needed';
    }
    if (subject === undefined) return hold;
    const found = await this.#run.storage.read(manifestFormat, keys.manifest(repository, subject));
    if (found === undefined) return hold;
    return found.value?.condemned === undefined ? 'needed' : 'condemned';
  }

  async #live(candidate: Candidate, held: Hold): Promise<Step | undefined> {
    if (held === 'needed') return undefined;
    const { began, rules, manifests } = this.#run;
    const { length } = candidate.manifest.bytes;
    const leased = (timeOf(candidate.manifest.incarnation) ?? 0) + rules.grace;
    manifests.wait(length, Math.max(leased, began) + this.#settle);
    return leased > began ? undefined : this.#become(candidate, 'condemn', Date.now());
  }

  async #condemned(candidate: Candidate, held: Hold, condemned: number): Promise<Step | undefined> {
    if (held === 'needed') return this.#become(candidate, 'rescue', undefined);
    const { began, manifests } = this.#run;
    if (held === 'nothing' && condemned + this.#settle <= began) return this.#delete(candidate, condemned);
    manifests.wait(candidate.manifest.bytes.length, Math.max(condemned + this.#settle, began));
    return undefined;
  }

  async #become(
    candidate: Candidate,
    action: 'condemn' | 'rescue',
    condemned: number | undefined,
  ): Promise<Step | undefined> {
    const { storage, rules } = this.#run;
    const { key, manifest, found } = candidate;
    const changed = { ...manifest, condemned };
    if (rules.dryRun || (await storage.replace(manifestFormat, key, changed, found.object)) !== undefined)
      return this.#took(candidate, action);
    return undefined;
  }

  async #delete(candidate: Candidate, condemned: number): Promise<Step | undefined> {
    const { storage, rules, progress } = this.#run;
    if (!rules.dryRun) {
      await storage.turn();
      if (!(await this.#remove(candidate.repository, candidate.digest, condemned))) return undefined;
    }
    progress.deleted += 1;
    progress.freed += candidate.manifest.bytes.length;
    return this.#took(candidate, 'delete');
  }

  #took({ repository, digest, manifest }: Candidate, action: Step['action']): Step {
    return this.#run.manifests.take({
      action,
      kind: 'manifest',
      digest,
      repository,
      bytes: manifest.bytes.length,
    });
  }
}
