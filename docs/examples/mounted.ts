import { createServer, type Server } from 'node:http';
import { createRegistry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';

/** A server of your own that leaves `/v2/` to a registry. It is listened to, and closed, as any other. */
export async function createMixedServer(): Promise<Server> {
  const registry = await createRegistry({ log: { level: 'silent' }, plugins: [storageMemory()] });
  await registry.open();
  return createServer((request, response) => {
    if (request.url?.startsWith('/v2/') === true) registry.handler(request, response);
    else response.end('Something else.\n');
  }).on('close', () => void registry.stop());
}
