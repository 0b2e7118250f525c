import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { RunningRegistry } from '../e2e/running-registry.ts';
import { bareManifest } from '../oci/content.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

interface Received {
  readonly repository: string;
  readonly tag: string;
}

/** An endpoint that takes pushes, fails each of them the first time, and rejects those whose tag says so. */
class Receiver {
  readonly taken: string[] = [];
  readonly rejected = new Set<string>();
  readonly #tried = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      void json(request).then((body) => {
        response.writeHead(this.#answer(body)).end();
        for (const listener of this.#listeners) listener();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async open(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Resolves once it is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#listeners.add(resolve);
      await promise;
      this.#listeners.delete(resolve);
    }
  }

  #answer(body: unknown): number {
    const { id, repository, tag } = Object.assign({ id: '', repository: '', tag: '' }, body);
    const name = `${repository}:${tag}`;
    if (tag.startsWith('bad')) {
      this.rejected.add(name);
      return 422;
    }
    if (!this.#tried.has(id)) {
      this.#tried.add(id);
      return 500;
    }
    this.taken.push(name);
    return 204;
  }
}

describe('A webhook endpoint that is down, comes back, and rejects some', () => {
  let folder: string;
  let receiver: Receiver;
  let registry: RunningRegistry | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-webhook-'));
    receiver = new Receiver();
    await receiver.open();
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storage from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
import webhook from ${JSON.stringify(import.meta.resolve('@entrepot/events-webhook'))};
export default {
  http: { port: 0 },
  plugins: [storage({ root: ${JSON.stringify(join(folder, 'storage'))} }), webhook({ endpoints: [{
    name: 'ci', url: ${JSON.stringify(receiver.url)}, format: 'plain', delivery: 'atLeastOnce', actions: ['push'],
    allowPrivateAddresses: true, retrySeconds: 0.05, maxRetrySeconds: 0.5,
  }] })],
};\n`,
    );
    await receiver.close();
  });
  afterEach(async () => {
    registry?.signal('SIGKILL');
    await registry?.ended;
    await receiver.close();
    await rm(folder, { recursive: true });
  });

  async function start(): Promise<string> {
    registry = new RunningRegistry(join(folder, 'registry.config.mjs'), folder);
    return registry.url();
  }

  async function kill(): Promise<void> {
    registry?.signal('SIGKILL');
    await registry?.ended;
  }

  /** Pushes an empty manifest; whether it was acknowledged. */
  async function push(url: string, { repository, tag }: Received): Promise<boolean> {
    const { bytes, mediaType } = bareManifest(`${repository} ${tag}`);
    const path = `/v2/${repository}/manifests/${tag}`;
    const headers = { 'content-type': mediaType };
    const answer = await fetch(url + path, { method: 'PUT', headers, body: new Uint8Array(bytes) }).catch(
      () => undefined,
    );
    return answer?.status === 201;
  }

  async function deadLetters(): Promise<string[]> {
    const child = spawn(process.execPath, [executable, 'events', 'dead-letter', 'list'], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const [, repository = '', tag = ''] = /"repository":"([^"]+)".*"tag":"([^"]+)"/.exec(line) ?? [];
      return `${repository}:${tag}`;
    });
  }

  it('loses no push that was acknowledged, though the registry is killed again and again meanwhile', async () => {
    const acknowledged: string[] = [];
    let count = 0;
    const pushSome = async (url: string, some: number): Promise<void> => {
      for (let index = 0; index < some; index += 1) {
        count += 1;
        const pushed = {
          repository: `team/app-${count % 4}`,
          tag: count % 7 === 0 ? `bad-${count}` : `v${count}`,
        };
        if (await push(url, pushed)) acknowledged.push(`${pushed.repository}:${pushed.tag}`);
      }
    };

    await pushSome(await start(), 15);
    await kill();
    const url = await start();
    await pushSome(url, 15);
    // A push is under way when the process dies, and others have been acknowledged.
    const last = pushSome(url, 1000).catch(() => undefined);
    await receiver.open();
    await receiver.until(() => receiver.taken.length >= 10);
    await kill();
    await last;
    await start();
    const isBad = (name: string): boolean => name.includes(':bad-');
    await receiver.until(() =>
      acknowledged.every((name) =>
        isBad(name) ? receiver.rejected.has(name) : receiver.taken.includes(name),
      ),
    );
    await registry?.stop();
    expect(acknowledged.filter(isBad).filter((name) => !receiver.rejected.has(name))).to.deep.equal([]);
    expect(await deadLetters()).to.include.members(acknowledged.filter(isBad));
    for (const number of [0, 1, 2, 3]) {
      const isOf = (name: string): boolean => name.startsWith(`team/app-${number}:`) && !isBad(name);
      const sent = acknowledged.filter(isOf);
      const came = [...new Set(receiver.taken)].filter((name) => sent.includes(name));
      expect(came).to.deep.equal(sent);
    }
  });
});
