import { createRegistry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';

/** Gives `work` a registry of its own: in memory, on a free port, gone afterwards. */
export async function withRegistry(work: (url: string) => Promise<void>): Promise<void> {
  const registry = await createRegistry({
    http: { port: 0 },
    log: { level: 'silent' },
    plugins: [storageMemory()],
  });
  const { url } = await registry.start();
  try {
    await work(url);
  } finally {
    await registry.stop();
  }
}
