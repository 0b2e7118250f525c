import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definePlugin, type Plugin, type StorageDriver } from '@entrepot/plugin-sdk';
import storageFilesystem, { FilesystemDriver } from '@entrepot/storage-filesystem';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';

/** Where one registry keeps its objects. */
export interface Backend {
  /** Gives the registry its storage. */
  readonly plugin: Plugin;
  /** A second driver on the same objects: what happens behind the registry's back. */
  readonly driver: StorageDriver;
  /** Removes all of it, once the registry has stopped. */
  remove(): Promise<void>;
}

export interface Storage {
  readonly name: string;
  open(): Promise<Backend>;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const memory: Storage = {
  name: 'memory',
  async open() {
    const objects = new Memory(1024 ** 3);
    const plugin = definePlugin<Record<string, never>>({
      name: 'storage-memory',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup({ name, hooks }) {
        hooks.storage.tap(name, () => new MemoryDriver(objects));
      },
    });
    return { plugin: plugin(), driver: new MemoryDriver(objects), remove: async () => undefined };
  },
};

const filesystem: Storage = {
  name: 'filesystem',
  async open() {
    const root = await mkdtemp(join(tmpdir(), 'entrepot-oci-'));
    const driver = new FilesystemDriver({ root, fsync: false, log: quiet });
    await driver.start();
    return {
      plugin: storageFilesystem({ root, fsync: false }),
      driver,
      async remove() {
        await driver.stop();
        await rm(root, { recursive: true, force: true });
      },
    };
  },
};

/** The storages every specification of the protocol is run on. */
export const storages: readonly Storage[] = [memory, filesystem];
