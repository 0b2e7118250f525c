import type { StorageDriver } from '@entrepot/plugin-sdk';
import { loadConfig } from '../../core/src/config/load-config.ts';
import { createLog } from '../../core/src/log.ts';
import { openStorage, type OpenStorage } from '../../core/src/registry/open-storage.ts';
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

/** The storage of the registries with this configuration, as a process beside them has it. */
export async function openCollector(file: string): Promise<OpenStorage> {
  const { config } = await loadConfig({ file });
  return openStorage(config, await createLog({ ...config.log, level: 'error' }, process.stderr));
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
