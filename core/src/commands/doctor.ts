import { loadConfig } from '../config/load-config.ts';
import { examine, type Examined } from '../doctor/examination.ts';
import { createLog, flushLog } from '../log.ts';
import { readVersion } from '../version.ts';

export interface DoctorFlags {
  readonly config?: string;
  readonly json?: boolean;
}

const marks: Readonly<Record<Examined['state'], string>> = { good: 'good', doubtful: 'DOUBTFUL', bad: 'BAD' };

/**
 * `registry doctor`: looks at what a registry needs (settings, certificate, names, limits, storage) and says what to do
 * about what is wrong. Registries may run meanwhile. Exits with 0, or with 1 when something is bad.
 * @throws Error when there is no configuration to look at, or the plugins cannot be set up.
 */
export async function doctor({ config: given, json = false }: DoctorFlags): Promise<void> {
  const { file, config } = await loadConfig(given === undefined ? {} : { file: given });
  const log = await createLog({ ...config.log, level: 'fatal' }, process.stderr);
  if (!json) process.stdout.write(`${file}, Entrepot ${readVersion()}, Node.js ${process.version}\n`);
  let isBad = false;
  for await (const examined of examine(config, log)) {
    isBad ||= examined.state === 'bad';
    process.stdout.write(json ? `${JSON.stringify(examined)}\n` : linesOf(examined));
  }
  await flushLog(log);
  process.exit(isBad ? 1 : 0);
}

function linesOf({ part, subject, state, finding, advice }: Examined): string {
  const line = `${marks[state].padEnd(8)}  ${part === subject ? part : `${part}: ${subject}`}: ${finding}\n`;
  return advice === undefined ? line : `${line}          ${advice}\n`;
}
