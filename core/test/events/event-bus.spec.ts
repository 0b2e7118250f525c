import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { LargeObject, Plugin, RegistryEvent, StorageDriver } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { keepLog, type LogLine } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';

describe('Events that wait for their taps when the registry stops', () => {
  /** A registry with a tap that hears of nothing before it may, and what it and its stop have noted. */
  interface Heard {
    readonly registry: Registry;
    readonly url: string;
    readonly notes: readonly string[];
    readonly lines: readonly LogLine[];
    /** Resolves when the tap is asked to hear. */
    readonly asked: Promise<void>;
    readonly mayHear: () => void;
  }

  async function serve(drainTimeout: number, ...plugins: readonly Plugin[]): Promise<Heard> {
    const notes: string[] = [];
    const permission = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const sink = plugin('events-slow', ({ name, hooks }) => {
      hooks.event.tapPromise(name, async ({ action, repository }: RegistryEvent) => {
        asked.resolve();
        await permission.promise;
        notes.push(`${action} ${repository}`);
      });
      return { stop: async () => void notes.push('stopped') };
    });
    const { log, lines } = await keepLog();
    const registry = await createRegistry(
      { http: { port: 0, drainTimeout }, plugins: [storageMemory(), sink, ...plugins] },
      { log },
    );
    const { url } = await registry.start();
    return { registry, url, notes, lines, asked: asked.promise, mayHear: () => permission.resolve() };
  }

  async function push(url: string, repository: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    const answer = await fetch(url + path, { method: 'POST', body: bytes });
    expect(answer.status).to.equal(201);
    return digest;
  }

  /** Resolves when nothing keeps the registry from stopping its plugins but what waits for taps. */
  async function drained(url: string): Promise<void> {
    const serves = (): Promise<boolean> =>
      fetch(`${url}/livez`).then(
        () => true,
        () => false,
      );
    while (await serves());
    for (let turn = 0; turn < 100; turn += 1) await nextTurn();
  }

  it('are all heard before the plugins stop', async () => {
    const { registry, url, notes, asked, mayHear } = await serve(25);
    const repositories = Array.from({ length: 40 }, (_, index) => `r${index}`);
    for (const repository of repositories) await push(url, repository, Buffer.from('x'));
    await asked;
    const stopped = registry.stop();
    await drained(url);
    expect(notes).to.deep.equal([]);
    mayHear();
    await stopped;
    expect(notes.slice(0, -1)).to.have.members(repositories.map((repository) => `push ${repository}`));
    expect(notes.at(-1)).to.equal('stopped');
  });

  it('are dropped when the time is over, and the log counts them', async () => {
    const { registry, url, notes, lines, asked, mayHear } = await serve(0.01);
    for (let index = 0; index < 20; index += 1) await push(url, `r${index}`, Buffer.from('x'));
    await asked;
    await registry.stop();
    expect(notes).to.deep.equal(['stopped']);
    const warning = lines.find(({ msg }) => String(msg).startsWith('the registry stops before the taps'));
    expect(warning).to.deep.include({ level: 'warn', dropped: 4, unfinished: 16 });
    mayHear();
  });

  it('are heard of an answer that has arrived before the registry was done with it', async () => {
    const mayClose = Promise.withResolvers<void>();
    const { registry, url, notes, mayHear } = await serve(25, slowToClose(mayClose.promise));
    mayHear();
    const digest = await push(url, 'large', Buffer.alloc(300_000));
    const answer = await fetch(`${url}/v2/large/blobs/${digest}`, { headers: { connection: 'close' } });
    expect((await answer.arrayBuffer()).byteLength).to.equal(300_000);
    const stopped = registry.stop();
    await drained(url);
    mayClose.resolve();
    await stopped;
    expect(notes).to.deep.equal(['push large', 'pull large', 'stopped']);
  });
});

/** Storage whose large objects are not closed before it is time. */
function slowToClose(time: Promise<void>): Plugin {
  return plugin('storage-slow', ({ name, hooks }) => {
    hooks.wrapStorage.tap(name, (driver) => {
      const openAtOnce = driver.open.bind(driver);
      const open: StorageDriver['open'] = async (...parameters) => {
        const object = await openAtOnce(...parameters);
        return object === undefined ? undefined : closingLater(object, time);
      };
      return Object.assign(driver, { open });
    });
  });
}

function closingLater(object: LargeObject, time: Promise<void>): LargeObject {
  return {
    size: object.size,
    read: () => object.read(),
    async close() {
      await time;
      await object.close();
    },
  };
}
