import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { createStore } from '../../core/src/store/index.ts';
import { listAll } from '../../core/src/store/listing.ts';
import { sessionFormat } from '../../core/src/store/sessions.ts';
import { Root } from '../../plugins/storage-filesystem/src/root.ts';
import { StaleFiles } from '../../plugins/storage-filesystem/src/stale-files.ts';

/** What a run leaves behind that takes space and serves nobody. */
export interface Leftovers {
  /** Files of small objects that were being written. */
  readonly temporary: number;
  /** Files of large objects that were being written. */
  readonly unfinished: number;
  readonly sessions: number;
  /** Bytes under keys that no blob and no session needs, which is for collection to find. */
  readonly orphans: number;
  readonly orphanedBytes: number;
  /** What is left of the first three when all that is swept by itself has been swept. */
  readonly unswept: number;
}

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Looks through a root that no registry uses any more, and sweeps it as a registry would in the course of days. */
export async function sweepLeftovers(root: string): Promise<Leftovers> {
  const driver = new FilesystemDriver({ root, fsync: false, log });
  await driver.start();
  try {
    const files = await countFiles(root);
    const objects = await sweepObjects(driver);
    await sweepFiles(root);
    const { temporary, unfinished } = await countFiles(root);
    return { ...objects, ...files, unswept: objects.unswept + temporary + unfinished };
  } finally {
    await driver.stop();
  }
}

/** As {@link sweepLeftovers}, of any storage: what a driver keeps besides objects is not looked at. */
export async function sweepObjects(driver: StorageDriver): Promise<Leftovers> {
  const sessions = (await keysOf(driver, 'uploads/')).length;
  const orphans = await orphansOf(driver);
  await endSessions(driver);
  const left = [...(await keysOf(driver, 'uploads/')), ...(await keysOf(driver, 'tails/'))];
  return { temporary: 0, unfinished: 0, sessions, ...orphans, unswept: left.length };
}

async function countFiles(root: string): Promise<Pick<Leftovers, 'temporary' | 'unfinished'>> {
  const [temporary, unfinished] = await Promise.all(
    ['tmp', 'uploads'].map((name) => readdir(join(root, name))),
  );
  return { temporary: temporary?.length ?? 0, unfinished: unfinished?.length ?? 0 };
}

async function orphansOf(driver: StorageDriver): Promise<Pick<Leftovers, 'orphans' | 'orphanedBytes'>> {
  const needed = new Set<string>();
  for (const key of await keysOf(driver, 'blobs/')) {
    const record = blobRecordFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
    if (typeof record?.data === 'string') needed.add(record.data);
  }
  for (const key of await keysOf(driver, 'uploads/')) {
    const session = sessionFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
    if (session !== undefined) needed.add(session.data);
  }
  const orphans = (await keysOf(driver, 'data/')).filter((key) => !needed.has(key));
  let orphanedBytes = 0;
  for (const key of orphans) orphanedBytes += (await driver.size(key)) ?? 0;
  return { orphans: orphans.length, orphanedBytes };
}

/** What the sweep of a registry does to sessions once they are old enough. */
async function endSessions(driver: StorageDriver): Promise<void> {
  const { uploads } = createStore(driver, {
    log,
    uploads: { maxAge: -1, maxConcurrent: 1 },
    manifestCacheBytes: 1024,
    blobCacheBytes: 1024,
  });
  await uploads.expire();
}

/** What the sweep of the driver does to files once they are old enough. */
async function sweepFiles(root: string): Promise<void> {
  for (const folder of ['tmp', 'uploads']) {
    for (const name of await readdir(join(root, folder))) await utimes(join(root, folder, name), 0, 0);
  }
  await new StaleFiles(new Root(root), log).sweep();
}

async function keysOf(driver: StorageDriver, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of listAll(driver, prefix)) keys.push(...page);
  return keys;
}
