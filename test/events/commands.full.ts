import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createRegistry, type Registry } from '@entrepot/core';
import { DeliveryError, type SinkEvent } from '@entrepot/plugin-sdk/events';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { digestOf, noise } from '../oci/content.ts';
import { sink } from './sinks.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

describe('registry events', () => {
  let folder: string;
  let registry: Registry;
  let isRejecting: boolean;
  let delivered: SinkEvent[];
  let tried: () => void;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-events-'));
    const root = join(folder, 'store');
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storageFilesystem from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { plugins: [storageFilesystem({ root: ${JSON.stringify(root)} })] };\n`,
    );
    isRejecting = true;
    delivered = [];
    tried = () => undefined;
    const plugin = sink(async (event) => {
      tried();
      if (isRejecting) throw new DeliveryError('rejected', 'not this one');
      delivered.push(event);
    });
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageFilesystem({ root, fsync: false }), plugin],
    });
  });
  after(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  async function events(
    ...args: readonly string[]
  ): Promise<{ code: number | null; lines: unknown[]; stderr: string }> {
    const child = spawn(process.execPath, [executable, 'events', ...args], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await ended;
    const lines = stdout.split('\n').flatMap((line): unknown[] => (line === '' ? [] : [JSON.parse(line)]));
    return { code: child.exitCode, lines, stderr };
  }

  it('lists what was given up, delivers it again, and delivers again what has been delivered', async () => {
    const given = new Promise<void>((resolve) => (tried = resolve));
    const { url } = await registry.start();
    const bytes = noise(100, 1);
    const pushed = await fetch(`${url}/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`, {
      method: 'POST',
      body: new Uint8Array(bytes),
    });
    expect(pushed.status).to.equal(201);
    await given;
    // Stopped, it has written what it was about to: the commands need no registry that runs.
    await registry.stop();

    const list = await events('dead-letter', 'list');
    expect(list.lines).to.have.lengthOf(1);
    expect(list.lines[0]).to.deep.include({ sink: 'test', reason: 'not this one', attempts: 1 });
    expect(list.lines[0]).to.have.nested.property('event.repository', 'team/app');

    const retried = await events('dead-letter', 'retry');
    expect(retried.lines).to.have.lengthOf(1);
    expect((await events('dead-letter', 'list')).lines).to.deep.equal([]);

    isRejecting = false;
    const again = new Promise<void>((resolve) => (tried = resolve));
    const second = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [
        storageFilesystem({ root: join(folder, 'store'), fsync: false }),
        sink(async (event) => {
          delivered.push(event);
          tried();
        }),
      ],
    });
    await second.start();
    await again;
    await second.stop();
    expect(delivered).to.have.lengthOf(1);

    expect((await events('replay', '--since', '1h')).lines).to.deep.equal([{ sink: 'test', replayed: 1 }]);
  });

  it('says what can be asked for, and which sinks there are', async () => {
    const wrong = await events('dead-letters');
    expect(wrong).to.include({ code: 1 });
    expect(wrong.stderr).to.include('say tail, replay --since <time>, dead-letter list');
    expect((await events('replay', '--since', 'yesterday')).stderr).to.include('--since takes 90m, 2h, 1d');
    expect((await events('tail', '--sink', 'other')).stderr).to.include(
      "there is no sink 'other'; there are test",
    );
  });
});
