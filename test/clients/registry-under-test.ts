import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../servers/program.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

/** Milliseconds a registry may take to answer after it was started, and to end after it was told to. */
const patience = 15_000;

/** What of the configuration a test chooses. */
export interface RegistryChoice {
  readonly storage: 'filesystem' | 'memory';
  /** The `manifests` part of the configuration; left to its defaults when absent. */
  readonly manifests?: Readonly<Record<string, unknown>>;
}

/** A registry in a process of its own, as an operator starts it. */
export interface RegistryUnderTest {
  /** `127.0.0.1:<port>`: what stands in front of a repository in a reference. */
  readonly host: string;
  /** Ends it as an operator does, and removes what it stored. @throws Error unless it exits with 0. */
  stop(): Promise<void>;
}

/**
 * Starts `registry start` on a free port, with a folder of its own, and waits until it answers.
 * @throws Error with all that the registry printed, when it ends instead.
 */
export async function startRegistry({ storage, manifests }: RegistryChoice): Promise<RegistryUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-registry-'));
  const host = '127.0.0.1';
  const port = await freePort();
  const options = storage === 'filesystem' ? { root: join(folder, 'storage') } : {};
  const config = join(folder, 'registry.config.js');
  await writeFile(
    config,
    [
      `import storage from ${JSON.stringify(import.meta.resolve(`@entrepot/storage-${storage}`))};`,
      'export default {',
      `  http: ${JSON.stringify({ host, port })},`,
      ...(manifests === undefined ? [] : [`  manifests: ${JSON.stringify(manifests)},`]),
      `  plugins: [storage(${JSON.stringify(options)})],`,
      '};\n',
    ].join('\n'),
  );

  const child = spawn(process.execPath, [executable, 'start', '--config', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    // The last 64 KiB are enough to see why it ended.
    stream.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-65_536)));
  }
  const ended = once(child, 'exit');
  try {
    await answering(`http://${host}:${port}/v2/`, child);
  } catch (cause) {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
    throw new Error(`The registry did not start. It printed:\n${printed}`, { cause });
  }
  return {
    host: `${host}:${port}`,
    async stop() {
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), patience);
      await ended;
      clearTimeout(deadline);
      await rm(folder, { recursive: true, force: true });
      if (child.exitCode !== 0) {
        throw new Error(
          `The registry ended with ${child.exitCode ?? child.signalCode}. It printed:\n${printed}`,
        );
      }
    },
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      const response = await fetch(url);
      if (response.status === 200) return;
      throw new Error(`GET ${url} answered ${response.status}.`);
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`It exited with ${child.exitCode}.`, { cause: error });
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
