import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createRegistry } from '../../src/registry.ts';
import { keepLog } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';
import { openConnection } from '../raw-connection.ts';

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const empty = digestOf('');
const digestOfX = digestOf('x');

describe('Events that wait for their taps when the registry stops', () => {
  /** A registry that has been pushed to `pushes` times. Its tap tells in `notes` what it has heard, once it may. */
  async function pushedTo({ pushes, drainTimeout }: { pushes: number; drainTimeout: number }) {
    const notes: string[] = [];
    const mayHear = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const sink = plugin('events-slow', ({ name, hooks }) => {
      hooks.event.tapPromise(name, async ({ action, repository }: RegistryEvent) => {
        asked.resolve();
        await mayHear.promise;
        notes.push(`${action} ${repository}`);
      });
      return { stop: async () => void notes.push('stopped') };
    });
    const { log, lines } = await keepLog();
    const registry = await createRegistry(
      { http: { port: 0, drainTimeout }, plugins: [storageMemory(), sink] },
      { log },
    );
    const { url } = await registry.start();
    for (let push = 0; push < pushes; push += 1) {
      const answer = await fetch(`${url}/v2/r${push}/blobs/uploads/?digest=${empty}`, { method: 'POST' });
      expect(answer.status).to.equal(201);
    }
    await asked.promise;
    return { registry, notes, lines, mayHear };
  }

  it('are all heard before the plugins stop', async () => {
    const { registry, notes, mayHear } = await pushedTo({ pushes: 40, drainTimeout: 25 });
    const stopped = registry.stop();
    mayHear.resolve();
    await stopped;
    expect(notes).to.have.lengthOf(41);
    expect(new Set(notes.slice(0, 40))).to.deep.equal(
      new Set(Array.from({ length: 40 }, (_, push) => `push r${push}`)),
    );
    expect(notes[40]).to.equal('stopped');
  });

  it('are dropped when the time is over, and the log counts them', async () => {
    const { registry, notes, lines, mayHear } = await pushedTo({ pushes: 20, drainTimeout: 0.01 });
    await registry.stop();
    expect(notes).to.deep.equal(['stopped']);
    const warning = lines.find(({ msg }) => String(msg).startsWith('the registry stops before the taps'));
    expect(warning).to.deep.include({ level: 'warn', dropped: 4, unfinished: 16 });
    mayHear.resolve();
  });

  it('are heard of a request that was still being answered', async () => {
    const { registry, notes, mayHear } = await pushedTo({ pushes: 1, drainTimeout: 25 });
    mayHear.resolve();
    const connection = await openConnection((await registry.start()).url);
    connection.send(
      `POST /v2/late/blobs/uploads/?digest=${digestOfX} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n`,
    );
    await connection.until('100 Continue');
    const stopped = registry.stop();
    connection.send('x');
    expect(await connection.received).to.include('HTTP/1.1 201 ');
    await stopped;
    expect(notes).to.deep.equal(['push r0', 'push late', 'stopped']);
  });
});
