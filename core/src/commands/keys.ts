import { importFrom } from '../config/import-from.ts';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { openLimitedStorage, type OpenStorage } from '../registry/open-storage.ts';

const PLUGIN = 'auth-keys';
const COMMAND = '@entrepot/auth-keys/command';

export interface KeysFlags {
  readonly config?: string;
}

/**
 * `registry keys …`: the command of the plugin auth-keys, which core does not depend on. It works on the storage of the
 * configuration, while registries may serve it.
 * @throws Error that says what to install when the plugin is absent.
 */
export async function keys(
  args: readonly string[],
  { config: file }: KeysFlags,
  directory = process.cwd(),
): Promise<void> {
  const { keys: command } = await importFrom(directory, COMMAND);
  if (!isCommand(command)) throw new Error(`${COMMAND} has no command; install a version that fits`);
  const open = async (): Promise<OpenStorage> => {
    const { config } = await loadConfig(file === undefined ? {} : { file });
    if (!config.plugins.some(({ name }) => name === PLUGIN))
      throw new Error(`the configuration has no plugin ${PLUGIN}: its registry would take no key`);
    return openLimitedStorage(config, await createLog(config.log, process.stderr));
  };
  const code = await command(args, { open, stdout: process.stdout, stderr: process.stderr });
  process.exitCode = typeof code === 'number' ? code : 1;
}

function isCommand(value: unknown): value is (args: readonly string[], parts: object) => unknown {
  return typeof value === 'function';
}
