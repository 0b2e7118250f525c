import type { ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Store } from '../../core/src/store/index.ts';
import { isExplained } from './explanation.ts';
import type { Scene } from './explore.ts';
import type { Request } from './manifest-operations.ts';
import { danglingIn, openStore, viewOf, type RepositoryView } from './registry-view.ts';
import type { Stage } from './stage.ts';

export interface Requests {
  /** Come one after the other, and are answered. */
  readonly before?: readonly Request[];
  /** Come at the same time. */
  readonly atOnce: Readonly<Record<string, Request>>;
  /** Come one after the other when all of those have ended, and are answered. */
  readonly after?: readonly Request[];
  /** Whether one process gets them all, or each a process of its own. */
  readonly processes: 'one' | 'each';
  /** All manifests that may be there, by title. */
  readonly known: Readonly<Record<string, ParsedManifest>>;
  /** Whether something may be listed in the end that leads nowhere, if the requests explain it. */
  readonly mayDangle?: boolean;
  /** Whether what is deleted can be restored. */
  readonly keepsDeleted?: boolean;
}

/** A scene of requests to one repository, whose end some order of the requests has to explain. */
export function requests(all: Requests): Scene {
  const { before = [], atOnce, after = [], processes, known, mayDangle = false, keepsDeleted = false } = all;
  const open = (stage: Stage): Store => openStore(stage.driver(), { keepsDeleted });
  let first: RepositoryView | undefined;
  return {
    // The catalog knows no order: once there, a repository stays. What is kept of deleted tags nobody here asks for.
    passes: / (?:catalog|deleted-tags)\//,
    setup: async (stage) => {
      const store = open(stage);
      for (const { ask } of before) await ask(store);
      first = await viewOf(store, known);
    },
    actors: (stage) => {
      const shared = processes === 'one' ? open(stage) : undefined;
      return Object.fromEntries(
        Object.entries(atOnce).map(([name, { ask }]) => {
          const store = shared ?? open(stage);
          return [name, () => ask(store)];
        }),
      );
    },
    check: async (stage) => {
      const fresh = open(stage);
      const last = await viewOf(fresh, known);
      const operations = Object.fromEntries(
        Object.entries(atOnce).map(([name, { operation }]) => [name, operation]),
      );
      if (first === undefined || !isExplained(first, operations, stage.actors, last)) {
        const ends = stage.actors.map(({ name, outcome }) => `${name}: ${JSON.stringify(outcome)}`);
        const lines = [JSON.stringify(first), ...ends, JSON.stringify(last)];
        throw new Error(`no order of the requests explains the end:\n${lines.join('\n')}`);
      }
      for (const { ask } of after) await ask(fresh);
      const dangling = danglingIn(after.length === 0 ? last : await viewOf(fresh, known));
      if (dangling.length > 0 && !mayDangle) throw new Error(`${dangling.join(', ')} leads nowhere`);
    },
  };
}
