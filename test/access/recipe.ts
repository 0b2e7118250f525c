import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { RegistryConfig } from '@entrepot/core';
import { htpasswd } from '@entrepot/auth-htpasswd/command';
import { RunningRegistry } from '../e2e/running-registry.ts';
import { root } from '../house/workspace.ts';

/** A configuration of docs/access.md that runs, with users as the page makes them. */
export interface Recipe {
  readonly folder: string;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly registry: RunningRegistry;
  /** Ends it as an operator does, and removes all that is there. */
  stop(): Promise<void>;
}

/** Users and passwords, as the pages name them. */
export type Users = Readonly<Record<string, string>>;

/** Where a recipe runs, for those that name addresses. */
export interface Surroundings {
  /** Environment variables that the configuration reads. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Files beside the configuration, each with the path of what is in it. */
  readonly files?: Readonly<Record<string, string>>;
  /** A free one, when left out. */
  readonly port?: number;
}

/**
 * Starts `docs/examples/access/<name>.config.js` in a folder of its own, on a free port: nothing else is changed, but for
 * `settings`.
 */
export async function startRecipe(
  name: string,
  users: Users = {},
  settings: Omit<RegistryConfig, 'plugins' | 'http'> = {},
  { environment = {}, files = {}, port = 0 }: Surroundings = {},
): Promise<Recipe> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-recipe-'));
  try {
    for (const [user, password] of Object.entries(users)) await addUser(folder, user, password);
    const recipe = pathToFileURL(recipeFile(name)).href;
    const config = join(folder, 'registry.config.mjs');
    await writeFile(
      config,
      `Object.assign(process.env, ${JSON.stringify(environment)});\n` +
        `const { default: recipe } = await import(${JSON.stringify(recipe)});\n` +
        `export default { ...recipe, ...${JSON.stringify(settings)}, http: { ...recipe.http, port: ${port} } };\n`,
    );
    for (const [file, path] of Object.entries(files)) await copyFile(path, join(folder, file));
    const registry = new RunningRegistry(config, folder);
    const { host } = new URL(await registry.url());
    return {
      folder,
      host,
      registry,
      async stop() {
        await registry.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

export function recipeFile(name: string): string {
  return join(root, 'docs', 'examples', 'access', `${name}.config.js`);
}

/** `registry htpasswd add`, with the password from a pipe. */
export async function addUser(folder: string, user: string, password: string): Promise<void> {
  let told = '';
  const tell = { write: (text: string) => (told += text) };
  const code = await htpasswd(['add', user, '--stdin', '--file', join(folder, 'htpasswd')], {
    stdin: Readable.from([`${password}\n`]),
    stdout: tell,
    stderr: tell,
  });
  if (code !== 0) throw new Error(told);
}
