import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** An image on disk, ready to run without an engine for containers. */
export interface UnpackedImage {
  /** The root of its files. */
  readonly root: string;
  /** The program that it runs, with its arguments. */
  readonly command: readonly string[];
  /** `65532:65532`: who it runs as. */
  readonly user: string;
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Unpacks the one image of the OCI layout in `folder`, layer upon layer, as root. @throws Error when the layout is not one of ours. */
export async function unpackImage(folder: string, root: string): Promise<UnpackedImage> {
  const [index] = listIn(await jsonIn(join(folder, 'index.json')), 'manifests');
  const manifest = await jsonIn(blobPath(folder, index));
  const config = await jsonIn(blobPath(folder, memberOf(manifest, 'config')));
  await mkdir(root, { recursive: true });
  for (const layer of listIn(manifest, 'layers'))
    await execute('tar', [
      '--extract',
      '--gzip',
      '--preserve-permissions',
      '--file',
      blobPath(folder, layer),
      '--directory',
      root,
    ]);
  const run = memberOf(config, 'config');
  const variables = listIn(run, 'Env').map((variable) => String(variable).split('=', 2));
  return {
    root,
    command: [...listIn(run, 'Entrypoint'), ...listIn(run, 'Cmd')].map(String),
    user: String(memberOf(run, 'User')),
    env: Object.fromEntries(variables.map(([name = '', value = '']) => [name, value])),
  };
}

async function jsonIn(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

function blobPath(folder: string, descriptor: unknown): string {
  return join(folder, 'blobs', ...String(memberOf(descriptor, 'digest')).split(':'));
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value === 'object' && value !== null && name in value) return Reflect.get(value, name);
  throw new Error(`there is no '${name}' in ${JSON.stringify(value)}`);
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const list = memberOf(value, name);
  if (Array.isArray(list)) return list;
  throw new Error(`'${name}' is no list in ${JSON.stringify(value)}`);
}
