import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { definePlugin, type Plugin, type StorageDriver } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';

/** A storage that can be reached past its driver, as bit rot and restored backups do. */
export interface Backend {
  /** A plugin for one more registry on this storage. */
  plugin(): Plugin;
  keys(): Promise<readonly string[]>;
  read(key: string): Promise<Buffer>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  destroy(): Promise<void>;
}

/** Its parts have to be multiples of 1 KiB, so that chunks of other sizes leave a tail. */
export class PartsDriver extends MemoryDriver {
  override partSize(): number {
    return 1024;
  }
}

/** A plugin that gives this driver. */
export function storageOf(driver: StorageDriver): Plugin {
  return definePlugin<Record<string, never>>({
    name: 'storage-of-this-test',
    schema: { type: 'object', additionalProperties: false, required: [] },
    setup: ({ name, hooks }) => hooks.storage.tap(name, () => driver),
  })();
}

export function memoryBackend(): Backend {
  const memory = new Memory(2 ** 26);
  return {
    plugin: () => storageOf(new PartsDriver(memory)),
    keys: async () => memory.keys('', undefined, 100_000).keys,
    read: async (key) => Buffer.concat(memory.get(key)?.parts ?? []),
    put: async (key, bytes) => void memory.put(key, [bytes]),
    remove: async (key) => memory.remove(key),
    destroy: async () => undefined,
  };
}

export async function filesystemBackend(): Promise<Backend> {
  const root = await mkdtemp(join(tmpdir(), 'entrepot-verify-'));
  const objects = join(root, 'objects');
  return {
    plugin: () => storageFilesystem({ root, fsync: false }),
    async keys() {
      const entries = await readdir(objects, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map((entry) => join(entry.parentPath, entry.name).slice(objects.length + 1)).toSorted();
    },
    read: (key) => readFile(join(objects, key)),
    async put(key, bytes) {
      await mkdir(dirname(join(objects, key)), { recursive: true });
      await writeFile(join(objects, key), bytes);
    },
    remove: (key) => rm(join(objects, key)),
    destroy: () => rm(root, { recursive: true }),
  };
}
