import { readdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';
import { searchPlaces } from '../config/search-places.ts';

export interface InitFlags {
  readonly force?: boolean;
}

interface Answers {
  readonly root: string;
  readonly port: number;
}

const defaults: Answers = { root: './.registry', port: 5000 };
const packages = ['@entrepot/core', '@entrepot/storage-filesystem'];

/**
 * `registry init`: writes a commented configuration into `directory`. Asks on a terminal, and nothing elsewhere.
 * @throws Error when there is a configuration already.
 */
export async function init({ force = false }: InitFlags, directory = process.cwd()): Promise<void> {
  const name = (await isModuleScope(directory)) ? 'registry.config.js' : 'registry.config.mjs';
  const present = new Set(await readdir(directory));
  const other = searchPlaces.find((place) => present.has(place) && (place !== name || !force));
  if (other !== undefined) {
    const remedy = other === name ? '--force writes it anew' : 'remove it before';
    throw new Error(`${join(directory, other)} is there already; ${remedy}`);
  }
  const answers = process.stdin.isTTY && process.stdout.isTTY ? await ask() : defaults;
  await writeFile(join(directory, name), render(answers), { flag: force ? 'w' : 'wx' });

  const missing = packages.filter((wanted) => !isInstalled(wanted, directory));
  const install = missing.length === 0 ? '' : `  npm install ${missing.join(' ')}\n`;
  process.stdout.write(`${name} is written. Next:\n${install}  npx registry start\n`);
}

async function ask(): Promise<Answers> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const lines = terminal[Symbol.asyncIterator]();
  async function answerTo(question: string, fallback: string): Promise<string> {
    process.stdout.write(`${question} (${fallback}): `);
    const { done, value } = await lines.next();
    if (done === true) throw new Error('nothing has been written');
    return value.trim() || fallback;
  }
  try {
    const root = await answerTo('Folder that keeps the images', defaults.root);
    const port = Number(await answerTo('Port to listen on', String(defaults.port)));
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error('a port is a number from 0 to 65535');
    return { root, port };
  } finally {
    terminal.close();
  }
}

/** Whether Node reads a `.js` file of this folder as an ES module without a word: see `type` of the nearest package.json. */
async function isModuleScope(directory: string): Promise<boolean> {
  for (let folder = directory; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(absent);
    if (text !== undefined) {
      const manifest: unknown = JSON.parse(text);
      return (
        typeof manifest === 'object' && manifest !== null && 'type' in manifest && manifest.type === 'module'
      );
    }
    if (folder === dirname(folder)) return true;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function isInstalled(name: string, directory: string): boolean {
  try {
    return findPackageJSON(name, pathToFileURL(join(directory, 'registry.config.js'))) !== undefined;
  } catch {
    return false;
  }
}

function render({ root, port }: Answers): string {
  return `// The configuration of the registry. 'npx registry check' says whether it is good.
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: {
    // 127.0.0.1 is reached from this machine alone. Before listening on '0.0.0.0', add a plugin that asks who is there.
    host: '127.0.0.1',
    port: ${port},
  },

  // Uncomment to forbid clients to delete tags, manifests and blobs:
  // deletes: { enabled: false },

  plugins: [
    // Where images are kept. Exactly one plugin gives the storage.
    storageFilesystem({ root: ${JSON.stringify(root)} }),

    // More plugins follow here. A falsy entry is left out, so conditions can be written:
    // process.env.WEBHOOK_URL && eventsWebhook({ url: process.env.WEBHOOK_URL }),
  ],
});
`;
}
