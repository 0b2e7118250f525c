import type { StorageDriver } from '@entrepot/plugin-sdk';
import { openStore } from '../races/registry-view.ts';
import { collectionOn, finish, type Rules } from './collecting.ts';

/** What collection has done so far. */
export interface CollectedSoFar {
  runs: number;
  blobs: number;
  manifests: number;
  bytes: number;
  rescued: number;
}

/** Collects again and again until told to stop. @throws StorageError */
export async function collectAgainAndAgain(
  driver: StorageDriver,
  rules: Rules,
  signal: AbortSignal,
  done: CollectedSoFar,
): Promise<void> {
  const store = openStore(driver);
  while (!signal.aborted) await collectOnce(driver, rules, done, store);
}

/** One run. Gives what still waits. */
export async function collectOnce(
  driver: StorageDriver,
  rules: Rules,
  done: CollectedSoFar,
  store = openStore(driver),
): Promise<number> {
  const { blobs, manifests } = (await finish(collectionOn(driver, store, rules))).summary;
  done.runs += 1;
  done.blobs += blobs.deleted;
  done.manifests += manifests.deleted;
  done.bytes += blobs.freed;
  done.rescued += manifests.rescued;
  return blobs.waiting.count + manifests.waiting.count;
}
