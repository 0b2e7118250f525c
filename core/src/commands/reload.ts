import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { createRegistry } from '../registry.ts';
import { readPidFile } from './pid-file.ts';

export interface ReloadFlags {
  readonly config?: string;
  readonly pid?: number;
  readonly pidFile?: string;
}

/**
 * `registry reload`: tells a running registry to go on with its configuration as it is now. A configuration that no
 * registry could be made of is refused here already; what comes of the rest is in the log of the registry.
 * @throws what a start would throw; Error when the process cannot be told.
 */
export async function reload({ config: given, pid, pidFile }: ReloadFlags): Promise<void> {
  if (pid === undefined && pidFile === undefined)
    throw new Error('which registry? Give --pid, or --pid-file with the file it was started with');
  const { file, config } = await loadConfig(given === undefined ? {} : { file: given });
  await createRegistry(config, { log: await createLog(config.log, process.stderr) });
  const told = pid ?? (await readPidFile(pidFile ?? ''));
  try {
    process.kill(told, 'SIGHUP');
  } catch (error) {
    throw new Error(`process ${told} cannot be told: ${reasonOf(error)}`, { cause: error });
  }
  process.stdout.write(`${file} is good; process ${told} has been told, and its log says what comes of it\n`);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ESRCH') return 'there is none';
  if (code === 'EPERM') return 'it belongs to somebody else; run this as who started it';
  return String(code);
}
