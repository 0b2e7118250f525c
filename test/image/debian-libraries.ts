import { spawn, execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { entriesOf } from './archive.ts';
import type { Entry } from './tree.ts';

const execute = promisify(execFile);

/** What the program `node` is linked with. The licence of the latter two is in a package that is named after their version. */
const packages = ['libc6', 'libgcc-s1', 'libstdc++6'];
const licence = /gcc-\d+-base/;

/** Conversions between encodings, which Node has of its own, and what is for other programs. */
const needless = /\/(?:gconv|audit|bin|sbin|locale|lintian|gdb|man|doc-base)\/|^(?:sbin|usr\/s?bin)\//;

/** Files of Debian packages, and which packages they are of: `libc6_2.36-9+deb12u14_amd64`. */
export interface DebianFiles {
  readonly packages: readonly string[];
  readonly entries: readonly Entry[];
}

/** Downloads the shared libraries that Node.js needs, as apt does, with the signatures checked: on Debian alone. */
export async function debianLibraries(): Promise<DebianFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-libraries-'));
  try {
    await execute('apt-get', ['download', ...packages], { cwd: folder });
    for (const name of await readdir(folder)) {
      const { stdout } = await execute('dpkg-deb', ['--field', join(folder, name), 'Depends']);
      const [needed] = licence.exec(stdout) ?? [];
      if (needed !== undefined) await execute('apt-get', ['download', needed], { cwd: folder });
    }
    const names = (await readdir(folder)).sort();
    const entries: Entry[] = [];
    for (const name of names) entries.push(...(await filesOf(join(folder, name))));
    return { packages: names.map((name) => decodeURIComponent(name.slice(0, -'.deb'.length))), entries };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function filesOf(archive: string): Promise<Entry[]> {
  const child = spawn('dpkg-deb', ['--fsys-tarfile', archive], { stdio: ['ignore', 'pipe', 'inherit'] });
  return entriesOf(child.stdout, (path) => {
    // Licences are what has to go with the libraries.
    if (path.includes('share/doc/')) return path.endsWith('/copyright') ? path : undefined;
    return needless.test(`${path}/`) || /^(?:etc|var|usr\/share)\//.test(path) ? undefined : path;
  });
}
