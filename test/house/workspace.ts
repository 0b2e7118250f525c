import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Root of the checkout. */
export const root = join(import.meta.dirname, '..', '..');

/** A package that is published: its folder relative to the root, and what its package.json says. */
export interface Package {
  readonly folder: string;
  readonly name: string;
  /** Dependencies and peer dependencies: all that its source may import. */
  readonly dependencies: ReadonlySet<string>;
  /** Entry points by the name users import, with the source file behind each, relative to the root. */
  readonly entries: ReadonlyMap<string, string>;
}

/** Every published package of the workspace. */
export function publishedPackages(): Package[] {
  return ['plugin-sdk', 'core', ...globSync('plugins/*', { cwd: root }).sort()].map(readPackage);
}

/** The TypeScript source files of a package, relative to the root and sorted. */
export function sourceFiles(folder: string): string[] {
  return globSync(`${folder}/src/**/*.ts`, { cwd: root }).sort();
}

/** The text of a file given relative to the root. */
export function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function readPackage(folder: string): Package {
  const manifest = record(JSON.parse(readSource(`${folder}/package.json`)));
  const name = String(manifest['name']);
  const exported = Object.entries(record(manifest['exports']));
  return {
    folder,
    name,
    dependencies: new Set([
      ...Object.keys(record(manifest['dependencies'])),
      ...Object.keys(record(manifest['peerDependencies'])),
    ]),
    entries: new Map(
      exported.map(([path, conditions]) => [
        name + path.slice(1),
        join(folder, String(record(conditions)['@entrepot/source'])),
      ]),
    ),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
