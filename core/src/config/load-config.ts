import { access, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cosmiconfig, type Loader } from 'cosmiconfig';
import type { ResolvedConfig } from './define-config.ts';
import { messageOf } from '../error-message.ts';
import { isObject } from './is-object.ts';
import { missingPackage } from './import-from.ts';
import { resolveConfig, type Overrides } from './resolve-config.ts';
import { searchPlaces } from './search-places.ts';

export interface LoadOptions {
  /** The file to load, instead of searching. */
  readonly file?: string;
  /** The folder to search. Default: the current one. */
  readonly directory?: string;
  /** Settings that win over those of the file. */
  readonly overrides?: Overrides;
}

export interface LoadedConfig {
  /** Absolute path. */
  readonly file: string;
  readonly config: ResolvedConfig;
}

/** There is no configuration, or it cannot be read. The message says what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_UNREADABLE';
}

/**
 * Finds, reads, checks and completes the configuration. A function it exports is called, and may be async.
 * @throws ConfigError when there is none or it cannot be read; OptionsError when it has mistakes.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const file = await findFile(options);
  const exported = await read(file);
  const input: unknown = isFunction(exported) ? await callExport(file, exported) : exported;
  if (input === undefined || input === null) {
    throw new ConfigError(`${file} exports no configuration; it needs: export default defineConfig({ … })`);
  }
  return {
    file,
    config: await resolveConfig(input, { file, ...(options.overrides && { overrides: options.overrides }) }),
  };
}

async function findFile({ file, directory = process.cwd() }: LoadOptions): Promise<string> {
  if (file !== undefined) {
    const path = resolve(directory, file);
    await access(path).catch((error: unknown) => {
      throw new ConfigError(`cannot read the configuration ${path}: ${reasonOf(error)}`, { cause: error });
    });
    return path;
  }
  const present = new Set(await readdir(directory));
  const name = searchPlaces.find((place) => present.has(place));
  if (name === undefined) throw new ConfigError(nothingFound(directory));
  return join(directory, name);
}

async function read(file: string): Promise<unknown> {
  const modules = Object.fromEntries(
    ['.ts', '.js', '.mjs', '.cjs'].map((extension) => [extension, importDefault]),
  );
  try {
    const found: { readonly config: unknown } | null = await cosmiconfig('registry', {
      loaders: modules,
    }).load(file);
    return found?.config;
  } catch (error) {
    throw new ConfigError(`cannot read the configuration ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/** How often each file has been imported. */
const imports = new Map<string, number>();

/**
 * Native import alone: the loader of cosmiconfig would run a file that throws a second time, by `require`. Node imports
 * a URL once, so a file that is read again gets another URL; what it imports in turn stays as it was.
 */
const importDefault: Loader = async (file) => {
  const before = imports.get(file) ?? 0;
  imports.set(file, before + 1);
  const url = pathToFileURL(file);
  if (before > 0) {
    url.searchParams.set('reload', String(before));
    Reflect.deleteProperty(createRequire(file).cache, file);
  }
  const exported: unknown = await import(url.href);
  return isObject(exported) ? exported['default'] : undefined;
};

async function callExport(file: string, exported: () => unknown): Promise<unknown> {
  try {
    return await exported();
  } catch (error) {
    throw new ConfigError(`the function that ${file} exports has failed: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function isFunction(value: unknown): value is () => unknown {
  return typeof value === 'function';
}

function reasonOf(error: unknown): string {
  const missing = missingPackage(error);
  if (missing !== undefined) return `the package '${missing}' is not installed; run: npm install ${missing}`;
  const message = messageOf(error);
  if (error instanceof SyntaxError && message.includes('import statement outside a module')) {
    return `${message}; name the file registry.config.mjs, or set "type": "module" in package.json`;
  }
  return message;
}

function nothingFound(directory: string): string {
  return `there is no configuration in ${directory}. Run 'npx registry init' to write one, or put this into registry.config.js:

import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  plugins: [storageFilesystem({ root: './.registry' })],
});
`;
}
