import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../pack/checkout.ts';
import { archiveOf } from './archive.ts';
import { debianLibraries } from './debian-libraries.ts';
import { installedPackages } from './installed-packages.ts';
import { OciLayout } from './oci-layout.ts';
import { copied, file, nobody, type Entry } from './tree.ts';

/** What the image runs when nobody gives it another configuration: images in a volume, everyone may push. */
const configuration = `import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  plugins: [storageFilesystem({ root: '/var/lib/entrepot' })],
});
`;

/** The machine the image is for: this one. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** An image on disk, in a layout of its own. */
export interface BuiltImage {
  /** Digest of its manifest. */
  readonly digest: string;
  /** `0.1.0`: the version of the registry, and the tag of the image in the layout. */
  readonly version: string;
  /** Bytes that a client pulls. */
  readonly size: number;
}

/**
 * Builds the image of the registry, with all plugins of the checkout, into an OCI layout in `folder`. Three layers: libraries
 * of Debian, Node.js, and the packages, so that a new version is a small pull. No shell and no package manager are in it.
 * Whoever builds the same checkout on the same release of Debian gets the same digest.
 */
export async function buildImage(folder: string): Promise<BuiltImage> {
  const architecture = architectures[process.arch];
  if (architecture === undefined) throw new Error(`there is no image for ${process.arch}`);
  const layout = await OciLayout.create(folder);
  const libraries = await debianLibraries();
  const layers = [
    await layout.writeLayer(archiveOf([...libraries.entries, ...system()])),
    await layout.writeLayer(archiveOf(await node())),
    await layout.writeLayer(archiveOf([...(await installedPackages()), ...defaults()])),
  ];
  const version = await versionOf('core');
  const labels = {
    'org.opencontainers.image.title': 'Entrepot',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.base.name': libraries.packages.join(' '),
  };
  const config = {
    created: new Date(0).toISOString(),
    architecture,
    os: 'linux',
    config: {
      User: `${nobody}:${nobody}`,
      ExposedPorts: { '5000/tcp': {} },
      Env: ['PATH=/usr/bin', 'NODE_ENV=production'],
      Entrypoint: ['/usr/bin/node', '/node_modules/@entrepot/core/bin/registry.js'],
      Cmd: ['start', '--config', '/etc/entrepot/registry.config.mjs'],
      Volumes: { '/var/lib/entrepot': {} },
      WorkingDir: '/var/lib/entrepot',
      Labels: labels,
      StopSignal: 'SIGTERM',
    },
  };
  const { digest } = await layout.writeImage(config, layers, labels, version);
  return { digest, version, size: layers.reduce((sum, layer) => sum + layer.size, 0) };
}

/** What programs expect of any system. */
function system(): Entry[] {
  const passwd = [
    'root:x:0:0:root:/:/sbin/nologin',
    `entrepot:x:${nobody}:${nobody}:entrepot:/var/lib/entrepot:/sbin/nologin`,
  ];
  const group = ['root:x:0:', `entrepot:x:${nobody}:`];
  return [
    file('etc/passwd', `${passwd.join('\n')}\n`),
    file('etc/group', `${group.join('\n')}\n`),
    file('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', content: 'folder', mode: 0o1777 },
  ];
}

async function node(): Promise<Entry[]> {
  const folder = join(checkout, 'node_modules', `node-linux-${process.arch}`);
  return [
    await copied(join(folder, 'bin', 'node'), 'usr/bin/node'),
    await copied(join(folder, 'LICENSE'), 'usr/share/doc/node/LICENSE'),
  ];
}

function defaults(): Entry[] {
  return [
    file('etc/entrepot/registry.config.mjs', configuration),
    { path: 'var/lib/entrepot', content: 'folder', mode: 0o700, owner: nobody },
  ];
}

async function versionOf(workspace: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(checkout, workspace, 'package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new Error(`${workspace} has no version`);
}
