import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answering, freePort, goProgram, start } from './program.ts';
import { credentials, type S3Server } from './s3-server.ts';

const module = 'github.com/versity/versitygw/cmd/versitygw@v1.7.0';

/**
 * Starts the Versity S3 gateway over a folder. It checks conditions first and writes then, so only one that works on
 * one request at a time keeps them: `concurrency` is 1 unless a test wants to see what happens otherwise.
 */
export async function startVersitygw({ concurrency = 1 } = {}): Promise<S3Server> {
  const program = await goProgram('versitygw', module);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-versitygw-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  await mkdir(join(folder, 'buckets'));
  const gateway = start(
    program,
    [
      ...['--port', `127.0.0.1:${port}`, '--quiet'],
      ...['posix', '--concurrency', String(concurrency), join(folder, 'buckets')],
    ],
    {
      cwd: folder,
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
    },
  );
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(endpoint, gateway);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, credentials, stop };
}
