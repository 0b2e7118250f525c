import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../error-message.ts';
import { isObject } from './is-object.ts';

const PREFIX = 'entrepot-use:';

/**
 * Imports `specifier`, a package or a relative path, as a module in `directory` would. Node resolves it by itself, with
 * all its rules and conditions; a resolution hook only says where from.
 * @throws Error that says what to install when the package is absent.
 */
export async function importFrom(
  directory: string,
  specifier: string,
): Promise<Readonly<Record<string, unknown>>> {
  const parentURL = pathToFileURL(join(directory, 'config')).href;
  const hook = registerHooks({
    resolve: (wanted, context, next) =>
      wanted === PREFIX + specifier ? next(specifier, { ...context, parentURL }) : next(wanted, context),
  });
  try {
    const exported: unknown = await import(PREFIX + specifier);
    return isObject(exported) ? exported : {};
  } catch (error) {
    const missing = missingPackage(error);
    if (missing !== undefined) {
      throw new Error(`the package '${missing}' is not installed; run: npm install ${missing}`, {
        cause: error,
      });
    }
    throw new Error(`cannot load '${specifier}': ${messageOf(error)}`, { cause: error });
  } finally {
    hook.deregister();
  }
}

/** The package Node did not find, if that is what went wrong. */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND')
    return undefined;
  return /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
}
