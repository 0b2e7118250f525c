import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connections, Unanswered } from './http.ts';
import { firedFile, pointFile, type KillPoint } from './kill-points.ts';
import type { Random } from './random.ts';
import { freePort } from '../servers/program.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

/** Milliseconds a registry may take to serve, to stop, and to be noticed dead by us. */
const READY_WITHIN = 60_000;
const STOPPED_WITHIN = 60_000;
const NOTICED_WITHIN = 5_000;
/** Milliseconds by which a connection may break before we notice why. */
const SLACK = 250;
const LOOK_EVERY = 10;

export interface ReplicasOptions {
  /** For the configurations and the logs. */
  readonly folder: string;
  /** The module of the storage plugin, and its options; a directory in the folder, when absent. */
  readonly storage?: { readonly module: string; readonly options: object };
  readonly processes: number;
  /** Of each process; `undefined` when this version of the registry knows none. */
  readonly workers: number | undefined;
  /** A module whose default export is one more plugin, given no options. */
  readonly plugin?: string | undefined;
}

/** One `registry start`, whose port stays the same. */
export interface Replica {
  readonly name: string;
  readonly port: number;
}

interface Running extends Replica {
  child: ChildProcess | undefined;
  /** Where the log of the child begins. */
  logFrom: number;
}

/** Several `registry start` on one storage, as an operator runs them, that are killed and started again. */
export class Replicas {
  readonly all: readonly Replica[];
  readonly #options: ReplicasOptions;
  readonly #running: readonly Running[];
  readonly #connections = new Connections();
  /** When somebody has died; see `performance.now`. */
  #deaths: number[] = [];
  readonly #crashes: string[] = [];
  #isStopping = false;

  private constructor(options: ReplicasOptions, ports: readonly number[]) {
    this.#options = options;
    this.#running = ports.map((port, index) => ({ name: `r${index}`, port, child: undefined, logFrom: 0 }));
    this.all = this.#running;
  }

  static async on(options: ReplicasOptions): Promise<Replicas> {
    const ports = await Promise.all(Array.from({ length: options.processes }, freePort));
    return new Replicas(options, ports);
  }

  /** One of those that run, if any does. */
  some(random: Random): Replica {
    const alive = this.#running.filter(isAlive);
    return random.pick(alive.length > 0 ? alive : this.#running);
  }

  /** The configuration of the first. */
  get config(): string {
    return join(this.#options.folder, 'r0.config.mjs');
  }

  /** Starts those that do not run, and returns when all serve. @throws Error with what it logged when one does not. */
  async start(): Promise<void> {
    await Promise.all(
      this.#running.map(async (replica) => {
        if (!isAlive(replica)) await this.#startOne(replica);
        await this.#serves(replica);
      }),
    );
  }

  /** Sets the point at which the next process that gets there dies. */
  async arm(point: KillPoint): Promise<void> {
    const { folder } = this.#options;
    await rm(firedFile(folder), { force: true });
    await writeFile(join(folder, 'next-kill-point.json'), JSON.stringify(point));
    await rename(join(folder, 'next-kill-point.json'), pointFile(folder));
  }

  /** Takes the point back. Whether somebody has died at it meanwhile. */
  async disarm(): Promise<boolean> {
    const { folder } = this.#options;
    await rm(pointFile(folder), { force: true });
    if (!(await exists(firedFile(folder)))) return false;
    await this.death(NOTICED_WITHIN);
    return true;
  }

  /** Returns when somebody has died, or after so many milliseconds. */
  async death(within: number): Promise<void> {
    const end = performance.now() + within;
    while (performance.now() < end && this.#running.every(isAlive)) {
      // Whoever moves the file dies at once; it is a replica that we see end, or one of its workers, which we do not.
      if ((this.#options.workers ?? 1) > 1 && (await exists(firedFile(this.#options.folder)))) {
        this.#deaths.push(performance.now());
        return;
      }
      await sleep(LOOK_EVERY);
    }
  }

  /** Kills a process that serves: a replica, or one of its workers, or now and then all of them. */
  async killSome(random: Random): Promise<void> {
    if (this.#running.length > 1 && random.chance(0.2)) return this.killAll();
    const replica = random.pick(this.#running);
    const workers = workersOf(replica);
    if (workers.length === 0 || random.chance(0.3)) return this.#kill(replica);
    this.#deaths.push(performance.now());
    process.kill(random.pick(workers), 'SIGKILL');
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#running.map((replica) => this.#kill(replica)));
  }

  /** Workers that die young are replaced ever later: a new beginning for all of them. */
  async renewWorkers(): Promise<void> {
    if ((this.#options.workers ?? 1) > 1) await this.killAll();
  }

  /** Whether an answer that failed to come is explained by a death. Waits a moment for us to notice. */
  async hasDiedSince(began: number): Promise<boolean> {
    const end = performance.now() + NOTICED_WITHIN;
    while (performance.now() < end) {
      if (!this.#running.every(isAlive) || this.#deaths.some((at) => at >= began - SLACK)) return true;
      await this.death(LOOK_EVERY);
      await sleep(LOOK_EVERY);
    }
    return false;
  }

  /** Stops all as an operator would. Gives how each has ended. */
  async stop(): Promise<readonly (number | NodeJS.Signals | null)[]> {
    this.#isStopping = true;
    this.#connections.close();
    return Promise.all(
      this.#running.map(async (replica) => {
        const { child } = replica;
        if (child === undefined) return null;
        if (!isAlive(replica)) return child.exitCode ?? child.signalCode;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        const deadline = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN);
        await ended;
        clearTimeout(deadline);
        return child.exitCode ?? child.signalCode;
      }),
    );
  }

  /** Ends of registries and of workers that no kill explains. */
  async crashes(): Promise<string[]> {
    const logs = await Promise.all(this.#running.map((replica) => readFile(this.#logOf(replica), 'utf8')));
    const deaths = logs.flatMap((log) => log.split('\n').filter((line) => line.includes('a worker died')));
    return [...this.#crashes, ...deaths.filter((line) => !line.includes('"cause":"SIGKILL"'))];
  }

  async #kill(replica: Running): Promise<void> {
    const { child } = replica;
    if (child === undefined || !isAlive(replica)) return;
    const workers = workersOf(replica);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    for (const worker of workers) {
      try {
        process.kill(worker, 'SIGKILL');
      } catch (error) {
        // It was quicker: workers end with the process that leads them.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
    await ended;
  }

  async #startOne(replica: Running): Promise<void> {
    const { folder, storage = directoryIn(folder), workers, plugin } = this.#options;
    const { name, port } = replica;
    const config = join(folder, `${name}.config.mjs`);
    const http = { port, ...(workers === undefined ? {} : { workers }) };
    const modules = [
      `[${JSON.stringify(storage.module)}, ${JSON.stringify(storage.options)}]`,
      `[${JSON.stringify(import.meta.resolve('./kill-points.ts'))}, ${JSON.stringify({ folder })}]`,
      ...(plugin === undefined ? [] : [`[${JSON.stringify(plugin)}, {}]`]),
    ];
    await writeFile(
      config,
      `const plugins = [];
for (const [module, options] of [${modules.join(', ')}]) plugins.push((await import(module)).default(options));
export default {
  http: ${JSON.stringify(http)},
  log: { level: 'info', format: 'json', access: false },
  plugins,
};
`,
    );
    const log = openSync(this.#logOf(replica), 'a');
    replica.logFrom = fstatSync(log).size;
    const child = spawn(process.execPath, [executable, 'start', '--config', config], {
      cwd: folder,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.once('exit', (code, signal) => {
      this.#deaths.push(performance.now());
      if (signal !== 'SIGKILL' && !this.#isStopping)
        this.#crashes.push(`${name} ended by itself with ${code ?? signal}`);
    });
    replica.child = child;
  }

  async #serves(replica: Running): Promise<void> {
    const end = performance.now() + READY_WITHIN;
    while (performance.now() < end && isAlive(replica)) {
      try {
        const { status } = await this.#connections.ask(replica.port, { method: 'GET', path: '/v2/' });
        if (status === 200 && (await this.#allWorkersServe(replica))) return;
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
      }
      await sleep(LOOK_EVERY);
    }
    const log = await readFile(this.#logOf(replica), 'utf8');
    throw new Error(`${replica.name} does not serve: ${log.slice(-5_000)}`);
  }

  /** One that dies before all of them have served ends the registry, as it should. */
  async #allWorkersServe(replica: Running): Promise<boolean> {
    if ((this.#options.workers ?? 1) === 1) return true;
    const log = await readFile(this.#logOf(replica));
    return log.subarray(replica.logFrom).includes('all workers serve');
  }

  #logOf({ name }: Replica): string {
    return join(this.#options.folder, `${name}.log`);
  }
}

/** The storage of registries that nobody has chosen another for. */
export function directoryIn(folder: string): NonNullable<ReplicasOptions['storage']> {
  const root = join(folder, 'root');
  return { module: import.meta.resolve('@entrepot/storage-filesystem'), options: { root } };
}

function isAlive({ child }: Running): boolean {
  return child?.exitCode === null && child.signalCode === null;
}

/** The processes a registry has started: none unless it leads workers. Known on Linux; elsewhere they are left alone. */
function workersOf({ child }: Running): number[] {
  if (child?.pid === undefined || process.platform !== 'linux') return [];
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  } catch {
    // It has just ended.
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
