import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('steps.ts', import.meta.url));

/** A system call of a traced process. `began` and `ended` are places in the order of all of them. */
export interface SystemCall {
  readonly name: string;
  /** As strace writes them: paths in quotes, the path of a descriptor in angle brackets. */
  readonly text: string;
  readonly began: number;
  readonly ended: number;
}

/**
 * Runs steps.ts under strace(1), which has to be installed, with one thread for system calls, so that they come in the
 * same order each time. Returns what it has said.
 */
export async function runSteps(root: string, strace: readonly string[]): Promise<readonly string[]> {
  const child = spawn(
    'strace',
    ['-f', '-q', ...strace, process.execPath, '--conditions=@entrepot/source', script, root],
    {
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'close');
  const said = await text(child.stdout);
  await ended;
  return said.split('\n').filter((line) => line !== '');
}

/** Runs steps.ts and returns the system calls of these names. */
export async function traceSteps(root: string, names: readonly string[]): Promise<readonly SystemCall[]> {
  const directory = await mkdtemp(join(tmpdir(), 'entrepot-strace-'));
  try {
    const log = join(directory, 'log');
    await runSteps(root, ['-y', '-s', '200', '-o', log, '-e', `trace=${names.join(',')}`]);
    return parse(await readFile(log, 'utf8'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A call during which another thread does something takes two lines: `… <unfinished ...>` and `<... name resumed>…`. */
function parse(log: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { readonly began: number; readonly text: string }>();
  log.split('\n').forEach((line, place) => {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const [, beginning] = /^(.*) <unfinished \.\.\.>$/.exec(rest) ?? [];
    if (beginning !== undefined) {
      unfinished.set(thread, { began: place, text: beginning });
      return;
    }
    const [, end] = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest) ?? [];
    const { began, text: start } = (end === undefined ? undefined : unfinished.get(thread)) ?? {
      began: place,
      text: '',
    };
    const whole = end === undefined ? rest : start + end;
    const [, name] = /^(\w+)\(/.exec(whole) ?? [];
    if (name !== undefined) calls.push({ name, text: whole, began, ended: place });
  });
  return calls;
}
