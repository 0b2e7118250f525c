import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createCa, issueCertificate } from './certificates.ts';
import { freePort, goProgram, start } from './program.ts';

/** Milliseconds that Pebble may take to start. */
const patience = 30_000;

/** Pebble, a CA for tests that speaks ACME as Let's Encrypt does. */
export interface Pebble {
  readonly directoryUrl: string;
  /** The CA of its own https, in a file: for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
  /** The root of what it issues, in PEM. */
  readonly root: string;
  /** What it has printed. */
  printed(): string;
  stop(): Promise<void>;
}

/** Starts it on the loopback address. `httpPort` is where it looks for proofs, instead of port 80. */
export async function startPebble(httpPort: number): Promise<Pebble> {
  const program = await goProgram('pebble', 'github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1');
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-pebble-'));
  const ca = createCa('Pebble itself');
  const names = ['DNS:localhost', 'IP:127.0.0.1'];
  const own = issueCertificate({ subject: { CN: 'pebble' }, names, issuer: ca });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, ca.cert);
  await writeFile(join(folder, 'own.pem'), own.cert);
  await writeFile(join(folder, 'own.key'), own.key);
  const [port, managementPort, tlsPort] = [await freePort(), await freePort(), await freePort()];
  const settings = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: 'own.pem',
    privateKey: 'own.key',
    httpPort,
    tlsPort,
  };
  await writeFile(join(folder, 'pebble.json'), JSON.stringify({ pebble: settings }));
  const env = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' };
  const pebble = start(program, ['-config', 'pebble.json'], { cwd: folder, env });
  const stop = async (): Promise<void> => {
    await pebble.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const deadline = Date.now() + patience;
    for (;;) {
      try {
        const root = await get(`https://127.0.0.1:${managementPort}/roots/0`, ca.cert);
        const directoryUrl = `https://localhost:${port}/dir`;
        return { directoryUrl, caFile, root, printed: () => pebble.printed(), stop };
      } catch (error) {
        if (pebble.child.exitCode !== null || Date.now() > deadline)
          throw new Error(`Pebble does not answer. It printed:\n${pebble.printed()}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

async function get(url: string, ca: string): Promise<string> {
  const asking = request(url, { ca, agent: false }).end();
  const answered = Promise.withResolvers<IncomingMessage>();
  asking.on('response', answered.resolve).on('error', answered.reject);
  return text(await answered.promise);
}
