import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answering, freePort, goProgram, start } from './program.ts';

const module = 'github.com/fsouza/fake-gcs-server@v1.55.1';

/** A server on the loopback address that speaks the JSON API of Google Cloud Storage. */
export interface FakeGcs {
  readonly endpoint: string;
  createBucket(name: string): Promise<void>;
  /** Stops it and forgets all that it stored. */
  stop(): Promise<void>;
}

/**
 * Starts fake-gcs-server with an empty memory. It heeds conditions when something is uploaded and at no other time: not
 * when something is deleted, and not when objects are composed.
 */
export async function startFakeGcs(): Promise<FakeGcs> {
  const program = await goProgram('fake-gcs-server', module);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-fake-gcs-'));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const endpoint = `http://${host}`;
  const server = start(
    program,
    [
      ...['-backend', 'memory', '-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
      ...['-public-host', host, '-log-level', 'error'],
    ],
    { cwd: folder },
  );
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(`${endpoint}/_internal/healthcheck`, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    async createBucket(name) {
      const response = await fetch(`${endpoint}/storage/v1/b?project=entrepot`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      });
      if (!response.ok) throw new Error(`fake-gcs-server made no bucket: ${await response.text()}`);
      await response.body?.cancel();
    },
    stop,
  };
}
