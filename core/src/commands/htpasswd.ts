import { importFrom } from '../config/import-from.ts';

const COMMAND = '@entrepot/auth-htpasswd/command';

/**
 * `registry htpasswd …`: the command of the plugin auth-htpasswd, which core does not depend on; it is looked up from
 * `directory`, as the configuration looks plugins up.
 * @throws Error that says what to install when the plugin is absent.
 */
export async function htpasswd(args: readonly string[], directory = process.cwd()): Promise<void> {
  const { htpasswd: command } = await importFrom(directory, COMMAND);
  if (!isCommand(command)) throw new Error(`${COMMAND} has no command; install a version that fits`);
  const code = await command(args);
  process.exitCode = typeof code === 'number' ? code : 1;
}

function isCommand(value: unknown): value is (args: readonly string[]) => unknown {
  return typeof value === 'function';
}
