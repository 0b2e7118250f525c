import { availableParallelism, constants } from 'node:os';
import type { LogLevel, ResolvedConfig } from '../config/define-config.ts';
import { loadConfig } from '../config/load-config.ts';
import { createLog, createWorkerLog, flushLog, type Logger } from '../log.ts';
import { createRegistry } from '../registry.ts';
import { readVersion } from '../version.ts';
import { takeWorkerNumber } from '../workers/worker-number.ts';

export interface StartFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly logLevel?: LogLevel;
}

/** What a plugin may take to stop, and what the rest of a stop takes at most; milliseconds. */
const PLUGIN_STOP = 10_000;
const REST_OF_STOP = 10_000;

/**
 * `registry start`: runs a registry until a signal stops it, in this process or in as many workers as `http.workers`
 * says. Flags win over the configuration file.
 * @throws when the configuration has mistakes, a plugin cannot start or the address cannot be had, or workers end again
 *   and again.
 */
export async function start({ config: given, host, port, logLevel }: StartFlags): Promise<void> {
  const worker = takeWorkerNumber();
  const { file, config } = await loadConfig({
    ...(given !== undefined && { file: given }),
    overrides: {
      http: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
      log: { ...(logLevel !== undefined && { level: logLevel }) },
    },
  });
  if (worker !== undefined) return serveAsWorker(config, await createWorkerLog(config.log, worker));

  const log = await createLog(config.log);
  const workers = config.http.workers === 'auto' ? availableParallelism() : config.http.workers;
  const starts = { config: file, version: readVersion(), node: process.version };
  if (workers === 1) {
    const registry = await createRegistry(config, { log });
    log.info(starts, 'the registry starts');
    stopOnSignals(log, { stop: () => void registry.stop().then(() => exit(log)) });
    await registry.start();
  } else {
    log.info({ ...starts, workers }, 'the registry starts');
    await lead(workers, config, log);
  }
}

/** Only here is Node's cluster loaded: one process alone does without. */
async function lead(count: number, config: ResolvedConfig, log: Logger): Promise<void> {
  const { freePort, Workers } = await import('../workers/workers.ts');
  const { host, port: wanted, stopDelay, drainTimeout, tls } = config.http;
  const port = wanted === 0 ? await freePort(host) : wanted;
  const workers = new Workers({
    count,
    arguments: [...process.argv.slice(2), '--port', String(port)],
    port,
    scheme: tls === undefined ? 'http' : 'https',
    patience: (stopDelay + drainTimeout) * 1000 + config.plugins.length * PLUGIN_STOP + REST_OF_STOP,
    log,
  });
  const stopped = workers.run();
  stopOnSignals(log, { stop: () => workers.stop(), end: () => workers.kill() });
  await stopped;
  log.info({}, 'the registry has stopped');
  await exit(log);
}

/**
 * A worker stops on a signal, and goes on with that on further ones: a terminal and systemd signal all processes, and
 * so does the primary. It is the primary that ends a worker at once.
 */
async function serveAsWorker(config: ResolvedConfig, log: Logger): Promise<void> {
  const registry = await createRegistry(config, { log });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void registry.stop().then(() => exit(log)));
  }
  await registry.start();
}

interface Stoppable {
  /** Begins to stop, and sees to it that the process ends with code 0. */
  stop(): void;
  /** Ends at once what would outlive this process. */
  end?(): void;
}

/** The first signal stops gracefully, and the exit code is 0. The second one ends the process at once. */
function stopOnSignals(log: Logger, running: Stoppable): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) {
        running.end?.();
        process.exit(128 + constants.signals[signal]);
      }
      stopping = true;
      log.info({ signal }, 'the registry stops; another signal ends it at once');
      running.stop();
    });
  }
}

async function exit(log: Logger): Promise<never> {
  await flushLog(log);
  process.exit(0);
}
