import { availableParallelism, constants } from 'node:os';
import type { LogLevel, ResolvedConfig } from '../config/define-config.ts';
import { loadConfig, type LoadOptions } from '../config/load-config.ts';
import { messageOf } from '../error-message.ts';
import { createLog, createWorkerLog, flushLog, type Logger } from '../log.ts';
import { createRegistry } from '../registry.ts';
import { readVersion } from '../version.ts';
import { openSiblingChannel } from '../workers/sibling-channel.ts';
import { messageIn, type WorkerMessage } from '../workers/worker-messages.ts';
import { takeWorkerNumber } from '../workers/worker-number.ts';
import { writePidFile } from './pid-file.ts';
import { Reloading } from './reloading.ts';

export interface StartFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly logLevel?: LogLevel;
  /** Where the id of the process is written. */
  readonly pidFile?: string;
  /** Whether the configuration is reloaded when its file changes. */
  readonly watch?: boolean;
}

/** What a plugin may take to stop, and what the rest of a stop takes at most; milliseconds. */
const PLUGIN_STOP = 10_000;
const REST_OF_STOP = 10_000;

/**
 * `registry start`: runs a registry until a signal stops it, in this process or in as many workers as `http.workers`
 * says. SIGHUP reloads the configuration. Flags win over the configuration file.
 * @throws when the configuration has mistakes, a plugin cannot start or the address cannot be had, or workers end again
 *   and again.
 */
export async function start(flags: StartFlags): Promise<void> {
  const { config: given, host, port, logLevel, pidFile, watch = false } = flags;
  const worker = takeWorkerNumber();
  const load: LoadOptions = {
    ...(given !== undefined && { file: given }),
    overrides: {
      http: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
      log: { ...(logLevel !== undefined && { level: logLevel }) },
    },
  };
  const { file, config } = await loadConfig(load);
  if (worker !== undefined)
    return serveAsWorker(worker, config, { load, log: await createWorkerLog(config.log, worker) });

  const log = await createLog(config.log);
  const workers = config.http.workers === 'auto' ? availableParallelism() : config.http.workers;
  const starts = { config: file, version: readVersion(), node: process.version, pid: process.pid };
  if (workers === 1) {
    const registry = await createRegistry(config, { log });
    log.info(starts, 'the registry starts');
    const stop = stopOnSignals(log, { stop: () => void registry.stop().then(() => exit(log)) });
    if (pidFile !== undefined) await writePidFile(pidFile);
    await registry.start();
    const reload = async (): Promise<void> => {
      await registry.reload((await loadConfig(load)).config);
    };
    new Reloading({ file, watch, log, stop, reload });
  } else {
    log.info({ ...starts, workers }, 'the registry starts');
    if (pidFile !== undefined) await writePidFile(pidFile);
    await lead(workers, config, { file, watch, log });
  }
}

/** Only here is Node's cluster loaded: one process alone does without. */
async function lead(
  count: number,
  config: ResolvedConfig,
  { file, watch, log }: { readonly file: string; readonly watch: boolean; readonly log: Logger },
): Promise<void> {
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
  const stop = stopOnSignals(log, { stop: () => workers.stop(), end: () => workers.kill() });
  new Reloading({ file, watch, log, stop, reload: () => workers.reload() });
  await stopped;
  log.info({}, 'the registry has stopped');
  await exit(log);
}

/**
 * A worker stops on a signal, and goes on with that on further ones: a terminal and systemd signal all processes, and
 * so does the primary. It is the primary that ends a worker at once.
 */
async function serveAsWorker(
  worker: number,
  config: ResolvedConfig,
  { load, log }: { readonly load: LoadOptions; readonly log: Logger },
): Promise<void> {
  const send = (message: WorkerMessage): void => {
    // A primary that is gone takes its workers along.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  };
  const siblings = openSiblingChannel(worker, { send, onMessage: (take) => process.on('message', take) });
  const registry = await createRegistry(config, { log, siblings });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void registry.stop().then(() => exit(log)));
  }
  // Terminals and supervisors may signal all processes; it is the primary that says when.
  process.on('SIGHUP', () => undefined);
  await registry.start();
  process.on('message', (received: unknown) => {
    if (messageIn(received)?.entrepot !== 'reload') return;
    loadConfig(load)
      .then(async (loaded) => registry.reload(loaded.config))
      .then(
        () => send({ entrepot: 'reloaded' }),
        (error: unknown) => send({ entrepot: 'reloaded', failure: messageOf(error) }),
      );
  });
}

interface Stoppable {
  /** Begins to stop, and sees to it that the process ends with code 0. */
  stop(): void;
  /** Ends at once what would outlive this process. */
  end?(): void;
}

/**
 * The first signal stops gracefully, and the exit code is 0. The second one ends the process at once. Gives what stops
 * it without a signal.
 */
function stopOnSignals(log: Logger, running: Stoppable): () => void {
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
  return () => {
    stopping = true;
    running.stop();
  };
}

async function exit(log: Logger): Promise<never> {
  await flushLog(log);
  process.exit(0);
}
