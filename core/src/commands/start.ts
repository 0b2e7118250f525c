import { constants } from 'node:os';
import type { LogLevel } from '../config/define-config.ts';
import { loadConfig } from '../config/load-config.ts';
import { createLog, type Logger } from '../log.ts';
import { createRegistry, type Registry } from '../registry.ts';
import { readVersion } from '../version.ts';

export interface StartFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly logLevel?: LogLevel;
}

/**
 * `registry start`: runs a registry until a signal stops it. Flags win over the configuration file.
 * @throws when the configuration has mistakes, a plugin cannot start or the address cannot be had.
 */
export async function start({ config: file, host, port, logLevel }: StartFlags): Promise<void> {
  const { file: found, config } = await loadConfig({
    ...(file !== undefined && { file }),
    overrides: {
      http: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
      log: { ...(logLevel !== undefined && { level: logLevel }) },
    },
  });
  const log = await createLog(config.log);
  const registry = await createRegistry(config, { log });
  log.info({ config: found, version: readVersion(), node: process.version }, 'the registry starts');
  stopOnSignals(registry, log);
  await registry.start();
}

/** The first signal stops gracefully, and the exit code is 0. The second one ends the process at once. */
function stopOnSignals(registry: Registry, log: Logger): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + constants.signals[signal]);
      stopping = true;
      log.info({ signal }, 'the registry stops; another signal ends it at once');
      void registry.stop().then(() => process.exit(0));
    });
  }
}
