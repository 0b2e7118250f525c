import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answering, debianPrograms, freePort, start } from './program.ts';

/** What operators are given: the tests run it as it is, but for the port. */
const example = fileURLToPath(new URL('../../examples/three-replicas/nginx.conf', import.meta.url));

/** Milliseconds that nginx may take to go over to another configuration. */
const patience = 30_000;

/** nginx on the loopback address, with the configuration of examples/three-replicas. */
export interface Nginx {
  readonly url: string;
  /** Balances over these registries from now on: resolves when nothing new is sent to others. */
  balance(registries: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error with what nginx has printed when it does not start. */
export async function startNginx(registries: readonly string[]): Promise<Nginx> {
  await debianPrograms(['nginx'], ['nginx-light']);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-nginx-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configuration = await readFile(example, 'utf8');
  const listening = configuration.replace('listen 80;', `listen 127.0.0.1:${port};`);
  if (listening === configuration) throw new Error(`${example} does not listen on port 80`);
  await writeFile(join(folder, 'nginx.conf'), listening);
  await writeReplicas(folder, registries);

  const globals = `daemon off; pid ${join(folder, 'nginx.pid')}; error_log stderr notice;`;
  const nginx = start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', globals], {
    cwd: folder,
  });
  const stop = async (): Promise<void> => {
    await nginx.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(url, nginx);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    stop,
    async balance(others) {
      await writeReplicas(folder, others);
      const workers = workersOf(nginx.child.pid);
      nginx.child.kill('SIGHUP');
      const deadline = Date.now() + patience;
      while (!workers.every(takesNothingNew)) {
        if (nginx.child.exitCode !== null || Date.now() > deadline) {
          throw new Error(`nginx keeps its configuration. It printed:\n${nginx.printed()}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

async function writeReplicas(folder: string, registries: readonly string[]): Promise<void> {
  const lines = registries.map((registry) => `server ${new URL(registry).host};\n`);
  await writeFile(join(folder, 'replicas.conf'), lines.join(''));
}

function workersOf(master = 0): number[] {
  const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** A worker of an older configuration says so in its title, and ends when its last request has been answered. */
function takesNothingNew(worker: number): boolean {
  try {
    return readFileSync(`/proc/${worker}/cmdline`, 'utf8').includes('is shutting down');
  } catch (error) {
    // Without a file it has ended, also when that happens while the file is read.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return true;
    throw error;
  }
}
