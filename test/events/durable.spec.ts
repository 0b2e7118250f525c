import { createRegistry, type Registry } from '@entrepot/core';
import { StorageError, type Plugin } from '@entrepot/plugin-sdk';
import type { SinkEvent } from '@entrepot/plugin-sdk/events';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { definePlugin } from '@entrepot/plugin-sdk';
import { digestOf, noise } from '../oci/content.ts';
import { guard, sink } from './sinks.ts';

describe('A change that a sink wants at least once', () => {
  let registry: Registry | undefined;
  let url: string;
  afterEach(async () => {
    await registry?.stop();
  });

  async function serve(...plugins: readonly Plugin[]): Promise<void> {
    registry = await createRegistry({ http: { port: 0 }, log: { level: 'silent' }, plugins });
    ({ url } = await registry.start());
  }

  function push(seed: number): Promise<Response> {
    const bytes = noise(100, seed);
    return fetch(`${url}/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`, {
      method: 'POST',
      body: new Uint8Array(bytes),
    });
  }

  const isEvent = (key: string): boolean => key.startsWith('events/test/queue/');

  it('is in storage before its request is answered, in one write', async () => {
    const asked = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    let writes = 0;
    const guarded = guard(async (key) => {
      if (!isEvent(key)) return;
      writes += 1;
      asked.resolve();
      await released.promise;
    });
    await serve(
      storageMemory(),
      guarded,
      sink(async () => undefined),
    );
    let isAnswered = false;
    const answer = push(1).finally(() => (isAnswered = true));
    await asked.promise;
    // The registry answers other requests meanwhile, so it has had the time to answer this one.
    for (let count = 0; count < 3; count += 1) await fetch(`${url}/v2/`);
    expect(isAnswered).to.equal(false);
    released.resolve();
    expect((await answer).status).to.equal(201);
    expect(writes).to.equal(1);
  });

  it('is no success while it cannot be written down, and told when the client has tried again', async () => {
    let isBroken = true;
    const guarded = guard(async (key) => {
      if (isBroken && isEvent(key)) throw new StorageError('UNAVAILABLE', 'the disk is gone');
    });
    const told = Promise.withResolvers<SinkEvent>();
    await serve(
      storageMemory(),
      guarded,
      sink(async (event) => told.resolve(event)),
    );
    expect((await push(1)).status).to.equal(503);
    isBroken = false;
    expect((await push(1)).status).to.equal(201);
    expect(await told.promise).to.include({ action: 'push', kind: 'blob', repository: 'team/app' });
  });

  it('is delivered by the next process when this one has not come to it', async () => {
    const memory = new Memory(10_000_000);
    const storage = (): Plugin =>
      definePlugin<Record<string, never>>({
        name: 'storage-of-this-test',
        schema: { type: 'object', additionalProperties: false, required: [] },
        setup: ({ name, hooks }) => hooks.storage.tap(name, () => new MemoryDriver(memory)),
      })();
    await serve(
      storage(),
      sink(() => Promise.reject(new Error('the receiver is down'))),
    );
    expect((await push(1)).status).to.equal(201);
    await registry?.stop();
    const told = Promise.withResolvers<SinkEvent>();
    await serve(
      storage(),
      sink(async (event) => told.resolve(event), { attempts: 100 }),
    );
    expect(await told.promise).to.include({ action: 'push', repository: 'team/app' });
  });

  it('that there is no room for waits in memory, and is told all the same', async () => {
    const told = Promise.withResolvers<SinkEvent>();
    await serve(
      storageMemory(),
      sink(async (event) => told.resolve(event), { maxBytes: 10 }),
    );
    expect((await push(1)).status).to.equal(201);
    expect(await told.promise).to.include({ action: 'push' });
  });

  it('costs storage nothing when no sink asks for it, or none of this kind', async () => {
    const keys: string[] = [];
    const guarded = guard(async (key) => void keys.push(key));
    const told = Promise.withResolvers<void>();
    await serve(
      storageMemory(),
      guarded,
      sink(async () => told.resolve(), { delivery: 'bestEffort' }),
    );
    await push(1);
    await told.promise;
    await registry?.stop();
    await serve(
      storageMemory(),
      guarded,
      sink(async () => undefined, { repositories: ['other/*'] }),
    );
    await push(1);
    expect(keys).to.not.be.empty;
    expect(keys.filter((key) => key.startsWith('events/'))).to.deep.equal([]);
  });
});
