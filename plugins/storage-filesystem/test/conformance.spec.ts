import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageFilesystem from '@entrepot/storage-filesystem';
import { TemporaryRoot } from './temporary-root.ts';

for (const fsync of [true, false]) {
  describeStorageDriver(
    { describe, it },
    {
      name: `filesystem (${fsync ? 'with' : 'without'} fsync)`,
      async create() {
        const root = await TemporaryRoot.make();
        return {
          driver: await root.driver({ fsync }),
          reopen: () => root.driver({ fsync }),
          destroy: () => root.destroy(),
        };
      },
    },
  );
}

describe('the plugin', () => {
  const root = mkdtempSync(join(tmpdir(), 'entrepot-fs-'));
  after(() => rmSync(root, { recursive: true }));
  describePlugin({ describe, it }, storageFilesystem, { valid: { root }, invalid: { root: 1 } });
});
