import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../pack/checkout.ts';
import { run } from '../pack/command.ts';

/** The compiler of the checkout. An author has one of their own; which one does not matter here. */
const compiler = join(checkout, 'node_modules', 'typescript7', 'bin', 'tsc');

/**
 * Does what the author of a plugin does, outside of the workspace: builds an example of docs/examples against the
 * packed SDK and packs it into `folder`.
 */
export async function packExample(example: string, sdk: string, folder: string): Promise<void> {
  const workplace = await mkdtemp(join(tmpdir(), 'entrepot-author-'));
  try {
    await cp(join(checkout, 'docs', 'examples', example), workplace, { recursive: true });
    // The compiler and the test runner of the author are not needed here.
    await run(workplace, 'npm', 'pkg', 'delete', 'devDependencies');
    const quietly = ['--no-save', '--no-audit', '--no-fund', '--prefer-offline'];
    await run(workplace, 'npm', 'install', ...quietly, sdk, '@types/node@24.19.2');
    await run(workplace, 'node', compiler, '-p', 'tsconfig.build.json');
    await run(workplace, 'npm', 'pack', '--pack-destination', folder);
  } finally {
    await rm(workplace, { recursive: true });
  }
}

/** The path of the only tarball in `folder` whose name begins like this. */
export async function tarball(folder: string, beginning: string): Promise<string> {
  const [name, ...others] = (await readdir(folder)).filter((file) => file.startsWith(beginning));
  if (name === undefined || others.length > 0) throw new Error(`${folder} has not one ${beginning}*.`);
  return join(folder, name);
}
