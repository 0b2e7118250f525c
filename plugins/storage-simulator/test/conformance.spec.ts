import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import storageSimulator, {
  CallCounts,
  diceOf,
  DistantDriver,
  TroubledLine,
} from '@entrepot/storage-simulator';

describePlugin({ describe, it }, storageSimulator, {
  valid: { latency: 5, failures: 0.01 },
  invalid: { failures: 2 },
});

for (const partSize of [1, 64 * 1024]) {
  describeStorageDriver(
    { describe, it },
    {
      name: `memory behind a slow line, with parts of ${partSize} bytes`,
      async create() {
        const memory = new Memory(1024 ** 3);
        const slow = { latency: 0.1, jitter: 1, callsPerSecond: 1_000_000, failures: 0, lostAnswers: 0 };
        const open = (): DistantDriver => {
          const line = new TroubledLine(slow, new CallCounts(), diceOf(7));
          return new DistantDriver(new MemoryDriver(memory), line, partSize);
        };
        return { driver: open(), reopen: open, destroy: async () => undefined };
      },
    },
  );
}
