import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './checkout.ts';

const execute = promisify(execFile);

/** A command that goes on. */
export interface Running {
  /** Resolves with the first match in what it prints. @throws Error with all it printed, when it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Tells it and the commands it runs to end, as Ctrl-C in a terminal does, and gives its exit code. */
  terminate(): Promise<number | null>;
}

/** Runs a command in `folder` and gives all that it printed. @throws Error with that, when the command fails. */
export async function run(folder: string, command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(command, args, {
      cwd: folder,
      env: strangersEnvironment(),
      maxBuffer: 2 ** 26,
    });
    return stdout + stderr;
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`${command} ${args.join(' ')}\n${output}`, { cause: error });
  }
}

/** Runs a command in `folder` that goes on until it is told to end. */
export function start(folder: string, command: string, ...args: readonly string[]): Running {
  const child = spawn(command, args, {
    cwd: folder,
    env: strangersEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
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
}

/**
 * The environment of someone who has just sat down at this machine: nothing of the checkout helps, neither its binaries,
 * nor the Node that runs this test, nor what npm tells its scripts.
 */
function strangersEnvironment(): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.startsWith(checkout));
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|INIT_CWD$)/.test(name));
  return { ...Object.fromEntries(inherited), PATH: path.join(delimiter) };
}
