import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KillPoint } from './kill-points.ts';

const executable = new URL('../../core/bin/registry.js', import.meta.url).pathname;
const killPointsModule = new URL('kill-points.ts', import.meta.url).pathname;
const READY_WITHIN = 30_000;

export interface RegistryShape {
  readonly folder: string;
  readonly processes: number;
  readonly workers: number;
}

/** One or more `registry start` on one directory, that are killed and started again on the same ports. */
export class RegistryProcesses {
  readonly ports: readonly number[];
  readonly #shape: RegistryShape;
  #children: (ChildProcess | undefined)[] = [];

  private constructor(shape: RegistryShape, ports: readonly number[]) {
    this.#shape = shape;
    this.ports = ports;
  }

  static async on(shape: RegistryShape): Promise<RegistryProcesses> {
    return new RegistryProcesses(shape, await Promise.all(Array.from({ length: shape.processes }, freePort)));
  }

  get root(): string {
    return join(this.#shape.folder, 'root');
  }

  /** The configuration the last start was made with. */
  get config(): string {
    return join(this.#shape.folder, 'registry-0.config.mjs');
  }

  /** Starts those that do not run. The first of them has `point` set. @throws Error when one is not ready in time. */
  async start(point: KillPoint | undefined): Promise<void> {
    await Promise.all(
      this.ports.map((port, index) => this.#startOne(port, index, index === 0 ? point : undefined)),
    );
  }

  /** Whether all that were started still run. */
  get allRun(): boolean {
    return this.#children.every((child) => child?.exitCode === null && child.signalCode === null);
  }

  /** Kills process `index` with its workers, at once. */
  async kill(index: number): Promise<void> {
    const child = this.#children[index];
    if (child?.pid === undefined) return;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
    await ended;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#children.map((_, index) => this.kill(index)));
  }

  /** Stops them as an operator would. Gives the exit codes. */
  async stop(): Promise<(number | null)[]> {
    return Promise.all(
      this.#children.map(async (child) => {
        if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
        return child.exitCode;
      }),
    );
  }

  async #startOne(port: number, index: number, point: KillPoint | undefined): Promise<void> {
    const running = this.#children[index];
    if (running?.exitCode === null && running.signalCode === null && point === undefined) return;
    await this.kill(index);
    const config = join(this.#shape.folder, `registry-${index}.config.mjs`);
    await writeFile(config, this.#config(port, point));
    const log = openSync(join(this.#shape.folder, `registry-${index}.log`), 'a');
    const child = spawn(process.execPath, [executable, 'start', '--config', config], {
      cwd: this.#shape.folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', log, log],
      detached: true,
    });
    this.#children[index] = child;
    await this.#ready(port, child);
  }

  #config(port: number, point: KillPoint | undefined): string {
    const storage = import.meta.resolve('@entrepot/storage-filesystem');
    return `
import storageFilesystem from ${JSON.stringify(storage)};
import killPoints from ${JSON.stringify(killPointsModule)};
export default {
  http: { port: ${port}, workers: ${this.#shape.workers} },
  log: { level: 'warn', format: 'json', access: false },
  plugins: [
    storageFilesystem({ root: ${JSON.stringify(this.root)} }),
    killPoints({ point: ${JSON.stringify(point === undefined ? '' : JSON.stringify(point))} }),
  ],
};
`;
  }

  async #ready(port: number, child: ChildProcess): Promise<void> {
    for (let waited = 0; waited < READY_WITHIN; waited += 25) {
      if (child.exitCode !== null) throw new Error(`the registry ended with ${child.exitCode}; see its log`);
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/v2/`);
        await answer.body?.cancel();
        if (answer.status === 200) return;
      } catch {
        // Not listening yet, or killed at its point already: then whoever waits for it finds out.
        if (child.signalCode !== null) return;
      }
      await sleep(25);
    }
    throw new Error('the registry was not ready in time; see its log');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
