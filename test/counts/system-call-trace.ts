import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** What is told apart: fsyncs, writes to files and to sockets, and calls that take a path. */
const TRACED = 'fsync,fdatasync,sync_file_range,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,%file';

/** System calls of a process and its threads. */
export interface SystemCalls {
  /** Calls that wait for the disk. */
  readonly syncs: number;
  /** Writes to files below the folder. */
  readonly fileWrites: number;
  readonly socketWrites: number;
  /** Calls that name a path below the folder: opening, looking, linking, renaming, removing. */
  readonly paths: number;
}

/** The system calls of a process while something is asked of it. Needs `strace`. */
export class SystemCallTrace {
  readonly #strace: ChildProcess;
  readonly #file: string;

  private constructor(strace: ChildProcess, file: string) {
    this.#strace = strace;
    this.#file = file;
  }

  /** Begins to note the calls of all threads in `file`. @throws Error with what strace says, when it cannot. */
  static async attach(pid: number, file: string): Promise<SystemCallTrace> {
    const parameters = ['-f', '-y', '-e', `trace=${TRACED}`, '-o', file, '-p', String(pid)];
    const strace = spawn('strace', parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      strace.once('error', reject);
      strace.once('close', () => reject(new Error(`strace did not attach: ${printed}`)));
      strace.stderr.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (/attached/.test(printed)) resolve();
      });
    });
    return new SystemCallTrace(strace, file);
  }

  /** Lets the process go on alone, and counts what was noted. */
  async detach(folder: string): Promise<SystemCalls> {
    const closed = once(this.#strace, 'close');
    this.#strace.kill('SIGINT');
    await closed;
    const counts = { syncs: 0, fileWrites: 0, socketWrites: 0, paths: 0 };
    for await (const line of createInterface(createReadStream(this.#file))) {
      const kind = kindOf(line, folder);
      if (kind !== undefined) counts[kind] += 1;
    }
    return counts;
  }
}

/** What a line of strace is: `1234 fsync(23</root/x>) = 0`. The second half of a call that was interrupted is none. */
export function kindOf(line: string, folder: string): keyof SystemCalls | undefined {
  const [, name, parameters] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
  if (name === undefined || parameters === undefined) return undefined;
  if (/^(?:fsync|fdatasync|sync_file_range)$/.test(name)) return 'syncs';
  const [, target] = /^\d+<([^>]*)>/.exec(parameters) ?? [];
  if (/^p?writev?(?:64|2)?$|^send/.test(name)) {
    if (target?.startsWith(folder) === true) return 'fileWrites';
    return target?.startsWith('socket:') === true || target?.startsWith('TCP') === true
      ? 'socketWrites'
      : undefined;
  }
  return parameters.includes(folder) ? 'paths' : undefined;
}
