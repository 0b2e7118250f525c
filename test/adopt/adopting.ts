import type { StorageDriver } from '@entrepot/plugin-sdk';
import { splitDigest } from '../../core/src/digest.ts';
import { isRepositoryName, isTag } from '../../core/src/http/match-route.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { Adoption } from '../../core/src/store/distribution/adoption.ts';
import { Handover } from '../../core/src/store/distribution/handover.ts';
import type { Skip, TransferProgress } from '../../core/src/store/distribution/transfer.ts';
import type { Store } from '../../core/src/store/index.ts';
import { openStore } from '../races/registry-view.ts';

/** What came of a run. */
export interface Transferred {
  readonly skips: readonly Skip[];
  readonly progress: TransferProgress;
}

export interface Rules {
  readonly dryRun?: boolean;
  readonly deep?: boolean;
  readonly mayLack?: 'nothing' | 'children';
  readonly final?: boolean;
}

/** Takes over what is in the storage of a driver, as a process of its own does. */
export async function adopt(
  driver: StorageDriver,
  { dryRun = false, deep = false, mayLack = 'nothing', final = false }: Rules = {},
  store: Store = openStore(driver),
): Promise<Transferred> {
  const adoption = new Adoption(driver, store, {
    dryRun,
    deep,
    mayLack,
    isRepositoryName,
    isTag,
    parse: (bytes, mediaType, digest) => parseManifest(bytes, mediaType, splitDigest(digest).algorithm),
  });
  const skips: Skip[] = [];
  for await (const skip of adoption.skips()) skips.push(skip);
  if (final) await adoption.finish();
  return { skips, progress: adoption.progress };
}

/** Hands over what is in the storage of a driver, as a process of its own does. */
export async function handOver(driver: StorageDriver, { dryRun = false } = {}): Promise<Transferred> {
  const handover = new Handover(driver, openStore(driver), {
    dryRun,
    parse: ({ bytes, mediaType, digest }) => parseManifest(bytes, mediaType, splitDigest(digest).algorithm),
  });
  const skips: Skip[] = [];
  for await (const skip of handover.skips()) skips.push(skip);
  return { skips, progress: handover.progress };
}
