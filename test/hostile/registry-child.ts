import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RegistryConfig } from '@entrepot/core';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

/** Lines of warnings and errors that are kept. */
const MAX_KEPT = 1000;

export interface ChildChoice {
  readonly storage: 'filesystem' | 'memory';
  /** Where the filesystem storage keeps its objects; a folder of the child's own when absent. */
  readonly root?: string;
  readonly settings?: Omit<RegistryConfig, 'plugins'>;
  /** User and group to run as, so that permissions count. */
  readonly uid?: number;
  /** Most descriptors it may have open. */
  readonly descriptors?: number;
}

/** A line of its log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A registry in a process of its own, as an operator starts it. */
export class RegistryChild {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** What holds its configuration and, unless chosen otherwise, its objects. */
  readonly folder: string;
  /** Lines of level warn and above. */
  readonly complaints: readonly LogLine[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(
    child: ChildProcess,
    found: { url: string; pid: number; folder: string; complaints: readonly LogLine[] },
  ) {
    this.#child = child;
    this.#ended = once(child, 'close');
    this.url = found.url;
    this.pid = found.pid;
    this.folder = found.folder;
    this.complaints = found.complaints;
  }

  /**
   * Runs `registry start` on a free port and waits until it serves.
   * @throws Error with what it printed, when it ends instead.
   */
  static async start(choice: ChildChoice): Promise<RegistryChild> {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-hostile-'));
    await writeFile(join(folder, 'registry.config.js'), configOf(choice, join(folder, 'storage')));
    if (choice.uid !== undefined) await chown(folder, choice.uid, choice.uid);
    const child = start(choice, folder);
    const complaints: LogLine[] = [];
    let printed = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-65_536);
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.once('close', () => {
        reject(new Error(`the registry did not start: ${printed}${JSON.stringify(complaints)}`));
      });
      if (child.stdout === null) throw new Error('the registry has no standard output');
      createInterface(child.stdout).on('line', (text) => {
        const line = lineOf(text);
        if (['warn', 'error', 'fatal'].includes(String(line['level'])) && complaints.length < MAX_KEPT)
          complaints.push(line);
        if (line['msg'] === 'the registry serves') resolve(String(line['url']));
      });
    });
    return new RegistryChild(child, { url, pid: child.pid ?? 0, folder, complaints });
  }

  /** Bytes of memory it holds now, or held at most so far: `VmRSS`, `VmHWM` of proc_pid_status(5). */
  async memory(which: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const kilobytes = new RegExp(`^${which}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kilobytes === undefined) throw new Error(`there is no ${which} in ${status}`);
    return Number(kilobytes) * 1024;
  }

  /** How many descriptors it has open. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#ended;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  /** Ends it as an operator does, and removes what it stored. Gives the exit code. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    if (this.isRunning) this.signal('SIGTERM');
    const deadline = setTimeout(() => this.signal('SIGKILL'), 15_000);
    const ending = await this.ended();
    clearTimeout(deadline);
    await rm(this.folder, { recursive: true, force: true });
    return ending;
  }
}

function configOf({ storage, root, settings = {} }: ChildChoice, ownRoot: string): string {
  const options = storage === 'filesystem' ? { root: root ?? ownRoot } : {};
  const { http, log, ...others } = settings;
  const written = {
    ...others,
    http: { port: 0, ...http },
    log: { format: 'json', access: false, ...log },
  };
  return [
    `import storage from ${JSON.stringify(import.meta.resolve(`@entrepot/storage-${storage}`))};`,
    `export default { ...${JSON.stringify(written)}, plugins: [storage(${JSON.stringify(options)})] };\n`,
  ].join('\n');
}

function start({ uid, descriptors }: ChildChoice, folder: string): ChildProcess {
  const command = [process.execPath, executable, 'start', '--config', join(folder, 'registry.config.js')];
  const limited = descriptors === undefined ? command : ['prlimit', `--nofile=${descriptors}`, ...command];
  const [program = '', ...parameters] = limited;
  return spawn(program, parameters, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
}

/** What is no JSON, a crash for instance, is a line of level fatal. */
function lineOf(text: string): LogLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null) return { ...line };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { level: 'fatal', msg: text };
}
