import type { SmallObject } from '@entrepot/plugin-sdk';
import { forEachLimited } from '../concurrency.ts';
import { deletedTagFormat } from '../deleted-tags.ts';
import { keys } from '../keys.ts';
import type { StoredManifest } from '../stored-manifest.ts';
import { digestsSince } from '../tag-record.ts';
import type { Holds } from './holds.ts';
import { AT_ONCE } from './paced-storage.ts';
import { digestsIn } from './references.ts';
import type { Run } from './run.ts';
import type { Step } from './tally.ts';

/** Deleted manifests remembered of a mark that may go; more go with a later run. */
const MOST_EXPIRED = 20_000;

/** A deleted manifest that has been kept long enough. */
interface Expired {
  readonly key: string;
  readonly digest: string;
  readonly bytes: number;
  /** The version that says so. */
  readonly object: Pick<SmallObject, 'etag'>;
}

/**
 * Collects what clients or rules have deleted, once it can no longer be restored. Until then the record of a deleted
 * manifest stands in its place and counts like any other for what it refers to, and the record of a deleted tag holds
 * what the tag has pointed at since. Each goes by the version that has been read: what has been restored or pushed since
 * stays.
 */
export class DeletedCollection {
  readonly #run: Run;
  readonly #expired: Expired[] = [];

  constructor(run: Run) {
    this.#run = run;
  }

  /** Takes note of a manifest that the mark has met and that has been deleted at this moment. */
  meet(key: string, { digest, bytes }: StoredManifest, deleted: number, { etag }: SmallObject): void {
    const { rules, began, manifests } = this.#run;
    const until = deleted + rules.restoreWindow;
    if (until <= began && this.#expired.length < MOST_EXPIRED)
      this.#expired.push({ key, digest, bytes: bytes.length, object: { etag } });
    else manifests.wait(bytes.length, Math.max(until, began));
  }

  /**
   * Looks through deleted tags, after the mark has looked through those that are there: a tag that is deleted meanwhile
   * is met in one of the two. What can be restored is held; what no longer can goes. Gives how many are damaged: such a
   * one stays, and holds whatever it may refer to.
   */
  async readTags(holds: Holds | undefined): Promise<number> {
    const { storage, rules, began, progress } = this.#run;
    const since = began - rules.restoreWindow;
    let damaged = 0;
    for await (const page of storage.pages(keys.deletedTags)) {
      await forEachLimited(page, AT_ONCE, async (key) => {
        const found = await storage.read(deletedTagFormat, key);
        progress.objects += 1;
        if (found === undefined) return;
        const { value, object } = found;
        if (value === undefined) damaged += 1;
        else if ((value.history[0]?.at ?? 0) <= since) {
          if (!rules.dryRun) await storage.remove(key, object);
          return;
        }
        const digests = value === undefined ? digestsIn(object.bytes) : digestsSince(value.history, since);
        for (const digest of digests) holds?.add(keys.holderOf(key), digest, { isCondemned: false });
      });
    }
    return damaged;
  }

  /** Removes the manifests. Their blobs go as all do that nothing refers to: a later run finds that. */
  async *steps(): AsyncGenerator<Step> {
    const { storage, rules, progress, manifests } = this.#run;
    for (const { key, digest, bytes, object } of this.#expired) {
      if (!rules.dryRun && !(await storage.remove(key, object))) continue;
      progress.deleted += 1;
      progress.freed += bytes;
      yield manifests.take({
        action: 'delete',
        kind: 'manifest',
        digest,
        repository: keys.holderOf(key),
        bytes,
      });
    }
  }
}
