import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { answering, freePort, start } from './program.ts';

const execute = promisify(execFile);
const manifests = fileURLToPath(new URL('azurite', import.meta.url));
const artifacts = fileURLToPath(new URL('../../.artifacts', import.meta.url));

/** An emulator of Azure Blob Storage on the loopback address. */
export interface Azurite {
  /** URL of the blob service of {@link account}. */
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
  /** Stops it and forgets all that it stored. */
  stop(): Promise<void>;
}

/** The account that every Azurite knows; it is in its documentation. */
const account = 'devstoreaccount1';
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Starts Azurite with an empty memory. */
export async function startAzurite(): Promise<Azurite> {
  const program = join(await installed(), 'node_modules/azurite/dist/src/blob/main.js');
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-azurite-'));
  const port = await freePort();
  const azurite = start(
    process.execPath,
    [
      program,
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port)],
      ...['--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck'],
    ],
    { cwd: folder },
  );
  const stop = async (): Promise<void> => {
    await azurite.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const server = `http://127.0.0.1:${port}`;
  try {
    await answering(server, azurite);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint: `${server}/${account}`, account, accountKey, stop };
}

/**
 * The folder that Azurite is installed in, as its lock file says; installed there when it is not. It appears under its
 * name only when it is whole, so runs that meet do no harm to each other.
 */
async function installed(): Promise<string> {
  const lock = await readFile(join(manifests, 'package-lock.json'));
  const folder = join(artifacts, `azurite-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  await mkdir(artifacts, { recursive: true });
  const workplace = await mkdtemp(join(artifacts, 'azurite-'));
  try {
    for (const name of ['package.json', 'package-lock.json']) {
      await cp(join(manifests, name), join(workplace, name));
    }
    const env = {
      ...process.env,
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    };
    await execute('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: workplace,
      env,
      maxBuffer: 2 ** 26,
    });
    await rename(workplace, folder).catch((error: unknown) => {
      // Another run has been faster.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
  return folder;
}
