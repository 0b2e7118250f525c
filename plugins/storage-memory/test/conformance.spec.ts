import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageMemory, { Memory, MemoryDriver } from '@entrepot/storage-memory';

describePlugin({ describe, it }, storageMemory, {
  valid: { maxBytes: 1024 ** 2 },
  invalid: { maxBytes: '1 GiB' },
});

describeStorageDriver(
  { describe, it },
  {
    name: 'memory',
    async create() {
      const memory = new Memory(1024 ** 3);
      const open = (): MemoryDriver => new MemoryDriver(memory);
      return { driver: open(), reopen: open, destroy: async () => undefined };
    },
  },
);
