import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { RegistryConfig } from '@entrepot/core';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>>;

/** How a registry has ended, once the last of its processes has. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** `registry start`, as an operator runs it. */
export class RunningRegistry {
  /** Its log so far. */
  readonly lines: LogLine[] = [];
  readonly ended: Promise<Ending>;
  /** Its configuration file. */
  readonly config: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #listeners = new Set<() => void>();

  constructor(config: string, folder: string, flags: readonly string[] = []) {
    this.config = config;
    // Without the condition that tests run with: the command line finds the sources of a checkout by itself.
    const env = { ...process.env, NODE_OPTIONS: '' };
    this.#child = spawn(process.execPath, [executable, 'start', '--config', config, ...flags], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.lines.push(parsed(line));
      for (const listener of this.#listeners) listener();
    });
    this.ended = this.#end();
  }

  /** @throws Error when the process could not be started. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the registry has no process');
    return pid;
  }

  /** Where it serves, once all of it does. */
  async url(): Promise<string> {
    const serves = (line: LogLine): boolean => line['msg'] === 'the registry serves';
    const { url, workers } = await this.line((line) => {
      return line['msg'] === 'all workers serve' || (serves(line) && line['worker'] === undefined);
    });
    // Lines of different processes come in any order.
    for (let number = 1; number <= Number(workers ?? 0); number += 1) {
      await this.line((line) => serves(line) && line['worker'] === number);
    }
    return String(url);
  }

  /** The first line like this, of those from the number `after` on; waits for it. @throws Error when it ends without. */
  async line(isWanted: (line: LogLine) => boolean, after = 0): Promise<LogLine> {
    const gone = this.ended.then((ending) => ({ ending }));
    for (;;) {
      const found = this.lines.slice(after).find(isWanted);
      if (found !== undefined) return found;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const listener = (): void => resolve(undefined);
      this.#listeners.add(listener);
      const ending = await Promise.race([promise, gone]);
      this.#listeners.delete(listener);
      if (ending !== undefined && !this.lines.slice(after).some(isWanted)) {
        throw new Error(`it ended without the line: ${JSON.stringify(ending)} ${JSON.stringify(this.lines)}`);
      }
    }
  }

  /** The process that is the worker of this number now. */
  workerPid(number: number): number {
    const line = this.lines.findLast(({ msg, worker }) => msg === 'a process starts' && worker === number);
    return Number(line?.['pid']);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it as an operator does. @throws Error unless it exits with 0. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const { code, signal, stderr } = await this.ended;
    if (code !== 0) throw new Error(`the registry ended with ${code ?? signal}: ${stderr}`);
  }

  async #end(): Promise<Ending> {
    const closed = once(this.#child, 'close');
    const stderr = await text(this.#child.stderr);
    await closed;
    return { code: this.#child.exitCode, signal: this.#child.signalCode, stderr };
  }
}

/** A plugin besides the storage and the probe. */
export interface SitePlugin {
  /** Its package. */
  readonly use: string;
  readonly options?: object;
}

/** A folder with configurations and the storage of the registries that run in it. */
export class Site {
  readonly folder: string;
  readonly #registries: RunningRegistry[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Site> {
    return new Site(await mkdtemp(join(tmpdir(), 'entrepot-e2e-')));
  }

  /** Starts a registry on the one root of the site, with a probe plugin that fails while the file `breaks` is there. */
  async start(
    settings: Omit<RegistryConfig, 'plugins'> = {},
    storage: 'filesystem' | 'memory' = 'filesystem',
    plugins: readonly SitePlugin[] = [],
    flags: readonly string[] = [],
  ): Promise<RunningRegistry> {
    const config = join(this.folder, `registry-${this.#registries.length}.config.mjs`);
    await this.configure(config, settings, storage, plugins);
    const registry = new RunningRegistry(config, this.folder, flags);
    this.#registries.push(registry);
    return registry;
  }

  /** Writes a configuration for {@link start}, or another one in its place. */
  async configure(
    config: string,
    settings: Omit<RegistryConfig, 'plugins'>,
    storage: 'filesystem' | 'memory' | { readonly root: string } = 'filesystem',
    plugins: readonly SitePlugin[] = [],
  ): Promise<void> {
    const options =
      storage === 'filesystem' ? { root: join(this.folder, 'storage') } : storage === 'memory' ? {} : storage;
    const kind = storage === 'memory' ? storage : 'filesystem';
    const probe = { breaksBy: join(this.folder, 'breaks') };
    await writeFile(
      config,
      [
        `import storage from ${JSON.stringify(import.meta.resolve(`@entrepot/storage-${kind}`))};`,
        `import probe from ${JSON.stringify(import.meta.resolve('./probe-plugin.ts'))};`,
        ...plugins.map(
          ({ use }, index) => `import plugin${index} from ${JSON.stringify(import.meta.resolve(use))};`,
        ),
        `export default {`,
        `  ...${JSON.stringify({ ...settings, http: { port: 0, ...settings.http } })},`,
        `  plugins: [`,
        `    storage(${JSON.stringify(options)}),`,
        `    probe(${JSON.stringify(probe)}),`,
        ...plugins.map(({ options: given = {} }, index) => `    plugin${index}(${JSON.stringify(given)}),`),
        `  ],`,
        `};\n`,
      ].join('\n'),
    );
  }

  /** How many files of this length, in bytes, the storage has. */
  async filesOf(length: number): Promise<number> {
    const entries = await readdir(join(this.folder, 'storage'), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
    return sizes.filter(({ size }) => size === length).length;
  }

  /** Ends whatever still runs, at once, and removes the folder. */
  async remove(): Promise<void> {
    for (const registry of this.#registries) registry.signal('SIGKILL');
    await Promise.all(this.#registries.map(({ ended }) => ended));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What is no JSON is a line all the same, with nothing but its text. */
function parsed(line: string): LogLine {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === 'object' && json !== null) return { ...json };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { unparsed: line };
}
