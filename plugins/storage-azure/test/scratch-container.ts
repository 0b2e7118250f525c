import { randomUUID } from 'node:crypto';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Azurite } from '../../../test/servers/azurite.ts';
import type { Input } from '../src/options.ts';

/** A new container, and how to get at it. */
export interface ScratchContainer {
  /** Options for a driver that keeps its objects there. */
  readonly input: Input;
  readonly client: ContainerClient;
}

export async function scratchContainer({
  endpoint,
  account,
  accountKey,
}: Azurite): Promise<ScratchContainer> {
  const container = `entrepot-${randomUUID()}`;
  const credential = new StorageSharedKeyCredential(account, accountKey);
  const client = new ContainerClient(`${endpoint}/${container}`, credential);
  await client.create();
  // The smallest parts there are: the emulator keeps everything in memory.
  return { input: { endpoint, account, accountKey, container, partSize: 1024 ** 2 }, client };
}
