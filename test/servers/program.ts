import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const ownFolder = fileURLToPath(new URL('../../.artifacts/bin', import.meta.url));

/** Milliseconds a program may take to end after it was told to. */
const patience = 10_000;

/**
 * Where a program written in Go is: in the folder ENTREPOT_CLIENTS_BIN, on PATH, or in .artifacts/bin, where it is
 * installed when it is nowhere.
 * @param module With its version: `example.org/tool/cmd/tool@v1.2.3`.
 */
export async function goProgram(name: string, module: string): Promise<string> {
  const found = locate(name);
  if (found !== undefined) return found;
  await execute('go', ['install', module], { env: { ...process.env, GOBIN: ownFolder }, maxBuffer: 2 ** 26 });
  return join(ownFolder, name);
}

/** Installs Debian packages (as root), unless all of `programs` are on PATH. */
export async function debianPrograms(
  programs: readonly string[],
  packages: readonly string[],
): Promise<void> {
  if (programs.every((name) => locate(name) !== undefined)) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await execute('apt-get', ['update'], { env, maxBuffer: 2 ** 26 });
  await execute('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
    env,
    maxBuffer: 2 ** 26,
  });
}

/** A program that runs until it is stopped. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** The last 64 KiB of what it has printed. */
  printed(): string;
  /** Ends it, in the end by force. */
  stop(): Promise<void>;
}

export function start(
  program: string,
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Readonly<Record<string, string>>; readonly cwd: string },
): RunningProgram {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-65_536)));
  }
  const ended = once(child, 'exit');
  return {
    child,
    printed: () => printed,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const force = setTimeout(() => child.kill('SIGKILL'), patience);
        await ended;
        clearTimeout(force);
      }
    },
  };
}

/**
 * Waits until `url` answers at all.
 * @throws Error with what the program has printed when it ends before, or does not answer within `seconds`.
 */
export async function answering(url: string, program: RunningProgram, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      return;
    } catch (error) {
      if (program.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${url} does not answer. The program printed:\n${program.printed()}`, {
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return address.port;
}

function locate(name: string): string | undefined {
  const folders = [
    process.env['ENTREPOT_CLIENTS_BIN'],
    ...(process.env['PATH'] ?? '').split(delimiter),
    ownFolder,
  ];
  return folders
    .flatMap((folder) => (folder === undefined || folder === '' ? [] : [join(folder, name)]))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
