import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Root of the checkout. */
export const checkout = join(import.meta.dirname, '..', '..');

/** A folder outside the checkout where someone installs Entrepot from packed packages, as from a registry. */
export interface Consumer {
  readonly folder: string;
  /** Writes a file, its folders too. */
  write(name: string, text: string): Promise<void>;
  /** Runs a command there and gives all that it printed. @throws Error with it, when the command fails. */
  run(command: string, ...args: readonly string[]): Promise<string>;
  /** Runs a command that goes on until it is told to end. */
  start(command: string, ...args: readonly string[]): Running;
  remove(): Promise<void>;
}

/** A command that goes on. */
export interface Running {
  /** Resolves with the first match in what it prints. @throws Error with all it printed, when it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Tells it and the commands it runs to end, as Ctrl-C in a terminal does, and gives its exit code. */
  terminate(): Promise<number | null>;
}

/** An empty folder of a consumer whose packages are ES modules. */
export async function createConsumer(): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-consumer-'));
  // Nothing of the checkout may help: neither its binaries, nor the Node that runs this test, nor npm's settings.
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.startsWith(checkout));
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|INIT_CWD$)/.test(name));
  const options: RunOptions = {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), PATH: path.join(delimiter) },
  };
  const consumer: Consumer = {
    folder,
    async write(name, text) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), text);
    },
    run: (command, ...args) => run(options, command, ...args),
    start(command, ...args) {
      const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      const ended = once(child, 'close');
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      }
      return {
        printed: (pattern) =>
          new Promise((resolve, reject) => {
            const look = (): void => {
              const match = pattern.exec(output);
              if (match !== null) resolve(match);
            };
            child.stdout.on('data', look);
            child.stderr.on('data', look);
            child.on('close', () => reject(new Error(`${command} ${args.join(' ')} ended.\n${output}`)));
            look();
          }),
        async terminate() {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
          await ended;
          return child.exitCode;
        },
      };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await consumer.write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  return consumer;
}

/** Builds and packs every published package of the checkout into `folder`; gives the paths of the tarballs. */
export async function packPackages(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const plugins = (await readdir(join(checkout, 'plugins'))).map((name) => `plugins/${name}`);
  const workspaces = ['plugin-sdk', 'core', ...plugins].flatMap((name) => ['--workspace', name]);
  await run({ cwd: checkout }, 'npm', 'run', 'build');
  await run({ cwd: checkout }, 'npm', 'pack', '--pack-destination', folder, ...workspaces);
  return (await readdir(folder)).map((name) => join(folder, name));
}

/** Runs a command and gives all that it printed. @throws Error with that, when the command fails. */
async function run(options: RunOptions, command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(command, args, { ...options, maxBuffer: 2 ** 26 });
    return stdout + stderr;
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`${command} ${args.join(' ')}\n${output}`, { cause: error });
  }
}
