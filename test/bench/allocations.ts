import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
import { Connections } from './connections.ts';
import { digestOf, manifestOf, push, put, REPOSITORY } from './content.ts';
import { rounded } from './load.ts';

const WARM_UP = 2000;
const REQUESTS = 500;
const ATTEMPTS = 10;

export interface AllocationReport {
  /** Bytes of the heap of V8 for one request, with the little that a bare socket takes to ask. */
  readonly heapBytesPerRequest: number;
  readonly requests: number;
}

/**
 * What a request allocates: how much the heap has grown after many, between two collections. Needs `--expose-gc` and
 * room for young objects (`--min-semi-space-size`), or a collection comes in between and there is no figure.
 */
export async function allocations(
  isWanted: (name: string) => boolean,
): Promise<Readonly<Record<string, AllocationReport>>> {
  const registry = await createRegistry({
    http: { host: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
    plugins: [storageMemory()],
  });
  const { url, port } = await registry.start();
  const connections = new Connections(url, 1);
  try {
    const small = Buffer.alloc(1024, 'small');
    const image = manifestOf('image', [small]);
    await push(connections, small);
    await put(connections, image, 'latest');
    const paths: Readonly<Record<string, string>> = {
      ping: '/v2/',
      'manifest HEAD by tag': `/v2/${REPOSITORY}/manifests/latest`,
      'manifest HEAD by digest': `/v2/${REPOSITORY}/manifests/${digestOf(image)}`,
      'blob HEAD 1 KiB': `/v2/${REPOSITORY}/blobs/${digestOf(small)}`,
    };
    const reports: Record<string, AllocationReport> = {};
    for (const [name, path] of Object.entries(paths)) {
      if (isWanted(name)) reports[name] = await allocationsOf(port, path);
    }
    return reports;
  } finally {
    connections.close();
    await registry.stop();
  }
}

async function allocationsOf(port: number, path: string): Promise<AllocationReport> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  await once(socket, 'connect');
  // HEAD: an answer ends where its head does, so that nothing has to be parsed here.
  const question = Buffer.from(`HEAD ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  try {
    await ask(socket, question, WARM_UP);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const grown = await withoutCollection(() => ask(socket, question, REQUESTS));
      if (grown !== undefined) return { heapBytesPerRequest: rounded(grown / REQUESTS), requests: REQUESTS };
    }
  } finally {
    socket.destroy();
  }
  throw new Error(
    `a collection came in between each of ${ATTEMPTS} times: --min-semi-space-size is too small`,
  );
}

/** Bytes by which the heap has grown; `undefined` when it has been collected meanwhile. */
async function withoutCollection(work: () => Promise<void>): Promise<number | undefined> {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc, as npm run bench does');
  await globalThis.gc({ execution: 'async', type: 'major' });
  // That one is reported late.
  await sleep(10);
  let collections = 0;
  const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  await work();
  const grown = process.memoryUsage().heapUsed - before;
  await sleep(10);
  observer.disconnect();
  return collections === 0 ? grown : undefined;
}

/** Asks one after the other, `count` times. */
async function ask(socket: Socket, question: Buffer, count: number): Promise<void> {
  for (let asked = 0; asked < count; asked += 1) {
    socket.write(question);
    let text = '';
    while (!text.endsWith('\r\n\r\n')) {
      text += String(await new Promise((resolve) => socket.once('data', resolve)));
    }
    if (!text.startsWith('HTTP/1.1 200')) throw new Error(text.slice(0, 40));
  }
}
