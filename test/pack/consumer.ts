import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from './checkout.ts';
import { run, start, type Running } from './command.ts';

/** A folder outside the checkout where someone installs Entrepot from packed packages, as from a registry. */
export interface Consumer {
  readonly folder: string;
  write(name: string, text: string): Promise<void>;
  /** Runs a command there and gives all that it printed. @throws Error with it, when the command fails. */
  run(command: string, ...args: readonly string[]): Promise<string>;
  /** Runs a command there that goes on until it is told to end. */
  start(command: string, ...args: readonly string[]): Running;
  remove(): Promise<void>;
}

/** An empty folder of a consumer whose packages are ES modules. */
export async function createConsumer(): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-consumer-'));
  const consumer: Consumer = {
    folder,
    write: (name, text) => writeFile(join(folder, name), text),
    run: (command, ...args) => run(folder, command, ...args),
    start: (command, ...args) => start(folder, command, ...args),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await consumer.write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  return consumer;
}

/** Builds and packs every published package of the checkout into `folder`; gives the paths of the tarballs. */
export async function packPackages(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const plugins = (await readdir(join(checkout, 'plugins'))).map((name) => `plugins/${name}`);
  const workspaces = ['plugin-sdk', 'core', ...plugins].flatMap((name) => ['--workspace', name]);
  await run(checkout, 'npm', 'run', 'build');
  await run(checkout, 'npm', 'pack', '--pack-destination', folder, ...workspaces);
  return (await readdir(folder)).map((name) => join(folder, name));
}
