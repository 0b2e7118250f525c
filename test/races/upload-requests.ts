import { isExplained } from './explanation.ts';
import type { Scene } from './explore.ts';
import { openStore, repository, uploadMaxAge } from './registry-view.ts';
import type { Stage } from './stage.ts';
import type { DriverTraits } from './stepping-driver.ts';
import { stoppedClock } from './stopped-clock.ts';
import { body, claimLapses, unneededOn, viewUpload } from './upload-view.ts';
import type { UploadRequest } from './upload-operations.ts';

export interface UploadRequests {
  /** What the session holds before. */
  readonly content: string;
  /** Everything a session or a blob may hold in the end. */
  readonly contents: readonly string[];
  readonly atOnce: Readonly<Record<string, UploadRequest>>;
  readonly processes: 'one' | 'each';
  readonly traits: DriverTraits;
  /** Whether the session has rested for too long before the requests come. */
  readonly isStale?: boolean;
  /**
   * Whether, at some moment, everybody sleeps for longer than claims are respected. Then two may take the session for
   * theirs, and whoever is disturbed is told that it is unknown or has other bytes. Blobs are what they have to be.
   */
  readonly isSlept?: boolean;
}

/** A scene of requests for one upload, whose end some order of the requests has to explain. */
export function uploadRequests(all: UploadRequests): Scene {
  const { content, contents, atOnce, processes, traits, isStale = false, isSlept = false } = all;
  let id = '';
  return {
    // The secret stands from the first upload on.
    passes: / secrets\//,
    setup: async (stage) => {
      const { uploads } = openStore(stage.driver(traits));
      ({ id } = await uploads.begin(repository));
      if (content !== '') await uploads.append(repository, id, { body: body(content) });
    },
    actors: (stage) => {
      if (isStale) stoppedClock.pass(uploadMaxAge + 1);
      const shared = processes === 'one' ? openStore(stage.driver(traits)) : undefined;
      const requests = Object.entries(atOnce).map(([name, { ask }]) => {
        const store = shared ?? openStore(stage.driver(traits));
        return [name, () => ask(store, id)] as const;
      });
      return { ...Object.fromEntries(requests), ...(isSlept ? { everybody: () => sleep(stage) } : {}) };
    },
    check: async (stage) => {
      const unneeded = await unneededOn(stage);
      const first = { content, blobs: [] };
      const last = await viewUpload(stage, id, contents, traits);
      const operations = Object.fromEntries(
        Object.entries(atOnce).map(([name, { operation }]) => [name, operation]),
      );
      const ends = stage.actors.map(({ name, outcome }) => `${name}: ${JSON.stringify(outcome)}`);
      const lines = [...ends, JSON.stringify(last), ...unneeded];
      if (isSlept) {
        const promised = stage.actors.filter(
          ({ outcome }) => outcome.end === 'answer' && outcome.answer === 'blob',
        );
        for (const { name } of promised) {
          const { blob } = atOnce[name] ?? {};
          if (blob === undefined || !last.blobs.includes(blob))
            throw new Error(`a blob is lost:\n${lines.join('\n')}`);
        }
        const failed = stage.actors.flatMap(({ outcome }) =>
          outcome.end === 'error' ? [outcome.error] : [],
        );
        for (const error of failed) throw error;
        return;
      }
      if (!isExplained(first, operations, stage.actors, last)) {
        throw new Error(`no order of the requests explains the end:\n${lines.join('\n')}`);
      }
      const alive = stage.actors.flatMap(({ outcome }) => (outcome.end === 'answer' ? [outcome.answer] : []));
      if (alive.length < stage.actors.length) return;
      if (alive.every((answer) => answer === 'out of order')) {
        throw new Error(`nobody has come through:\n${lines.join('\n')}`);
      }
      if (unneeded.length > 0) throw new Error(`space has been left behind:\n${lines.join('\n')}`);
    },
  };
}

function sleep(stage: Stage): Promise<void> {
  return stage.step('sleeps', async () => {
    stoppedClock.pass(claimLapses);
  });
}
