import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { createGunzip } from 'node:zlib';
import { checkout } from '../pack/checkout.ts';
import { run } from '../pack/command.ts';
import { packPackages } from '../pack/consumer.ts';
import { entriesOf } from './archive.ts';
import { copiedFolder, type Entry } from './tree.ts';

/** Nothing of these is read when a program runs. */
const needless = /\.(?:d\.[cm]?ts|map|tsbuildinfo)$|^node_modules$|^\.bin$/;

/**
 * Every published package of the checkout, as `npm pack` makes it, with the dependencies of the lock file that run-time needs, at
 * the root of the image: a configuration finds them wherever it lies.
 */
export async function installedPackages(): Promise<Entry[]> {
  return [...(await ownPackages()), ...(await dependencies())];
}

async function ownPackages(): Promise<Entry[]> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-image-'));
  try {
    const entries: Entry[] = [];
    for (const tarball of (await packPackages(folder)).sort()) {
      const name = /^entrepot-(.*)-[\d.]+\.tgz$/.exec(basename(tarball))?.[1];
      if (name === undefined) throw new Error(`${tarball} is not a package of ours`);
      const files = createReadStream(tarball).pipe(createGunzip());
      entries.push(
        ...(await entriesOf(files, (path) => path.replace(/^package\//, `node_modules/@entrepot/${name}/`))),
      );
    }
    return entries;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dependencies(): Promise<Entry[]> {
  const plugins = (await readdir(join(checkout, 'plugins'))).map((name) => `plugins/${name}`);
  const workspaces = ['core', 'plugin-sdk', ...plugins].flatMap((name) => ['--workspace', name]);
  const listed = await run(checkout, 'npm', 'ls', '--all', '--parseable', '--omit', 'dev', ...workspaces);
  const entries: Entry[] = [];
  for (const folder of new Set(listed.split('\n'))) {
    const path = installedPath(relative(checkout, folder).split(sep).join('/'));
    if (path !== undefined)
      entries.push(...(await copiedFolder(folder, path, (name) => !needless.test(name))));
  }
  return entries;
}

/** Where a dependency lies in the image; `undefined` for packages of ours, and for Node.js, which has a layer of its own. */
function installedPath(path: string): string | undefined {
  if (!path.includes('node_modules/') || /^node_modules\/(?:@entrepot\/|node-linux-)[^/]+$/.test(path))
    return undefined;
  return path.replace(/^(?:plugins\/)?([^/]+)\/node_modules\//, 'node_modules/@entrepot/$1/node_modules/');
}
