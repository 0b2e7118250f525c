import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRegistry, type RegistryUnderTest } from './registry-under-test.ts';

/** A running registry, and a folder for the files of the clients that talk to it. */
export interface Workplace {
  readonly registry: RegistryUnderTest;
  readonly folder: string;
  /** Stops the registry and removes the folder. */
  close(): Promise<void>;
}

/** A workplace whose registry stores on the filesystem. */
export async function openWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-client-'));
  const registry = await startRegistry({ storage: 'filesystem' });
  return {
    registry,
    folder,
    async close() {
      await registry.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
