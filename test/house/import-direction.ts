import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { importsOf, type Import } from './imports.ts';

/** What {@link wrongImports} needs to know of the package a file belongs to. */
export interface ImportingPackage {
  readonly folder: string;
  readonly dependencies: ReadonlySet<string>;
}

/** Each framework lives in one file, or a file and the folder of its name, its types included: replacing it means replacing that. */
const frameworkFiles: ReadonlyMap<string, string> = new Map([
  ['ajv', 'plugin-sdk/src/options.ts'],
  ['ajv-formats', 'plugin-sdk/src/options.ts'],
  ['tapable', 'plugin-sdk/src/hooks.ts'],
  ['commander', 'core/src/cli'],
  ['cosmiconfig', 'core/src/config/load-config.ts'],
  ['express', 'core/src/server/app.ts'],
  ['yaml', 'core/src/conversion/old-options.ts'],
  ['pino', 'core/src/log.ts'],
  ['pino-pretty', 'core/src/log.ts'],
]);

/** Inside core: who may import whom. An area is a folder or a file of core/src; imports within an area are free. */
const coreAreas: ReadonlyMap<string, readonly string[]> = new Map([
  ['index', ['registry', 'config']],
  ['cli', ['commands']],
  ['commands', ['conversion', 'copy', 'registry', 'config', 'log', 'tls', 'workers', 'doctor']],
  ['registry', ['config', 'plugins', 'store', 'manifest', 'events', 'server', 'auth', 'http', 'log', 'tls']],
  ['doctor', ['config', 'plugins', 'store', 'tls']],
  ['workers', ['server']],
  ['server', ['api', 'auth', 'events', 'http']],
  ['api', ['http', 'manifest', 'store']],
  ['auth', ['http']],
  ['config', []],
  ['conversion', []],
  ['copy', ['http', 'manifest']],
  ['plugins', ['auth', 'events']],
  ['events', []],
  ['http', []],
  ['manifest', []],
  ['store', []],
  ['log', []],
  ['tls', []],
]);

/** As {@link coreAreas}, for imports that leave nothing behind at run time. */
const coreTypeAreas: ReadonlyMap<string, readonly string[]> = new Map([
  ['index', ['plugins', 'server', 'workers']],
  ['registry', ['workers']],
  ['doctor', ['log']],
  ['server', ['config', 'log', 'plugins', 'store', 'tls']],
  ['api', ['auth', 'events']],
  ['auth', ['events']],
  ['plugins', ['config', 'log']],
  ['events', ['http']],
  ['store', ['manifest']],
  ['workers', ['log']],
  ['log', ['config']],
  ['tls', ['config', 'log']],
]);

/** Files of core/src that every area may import, because they import no other. */
const coreLeaves: readonly string[] = ['digest', 'error-message', 'time-limit', 'turns', 'version'];

/** One sentence for each import of `file` (a path relative to the root, with this text) that may not be. */
export function wrongImports(owner: ImportingPackage, file: string, text: string): string[] {
  return importsOf(text).flatMap((found) => {
    const reason = found.specifier.startsWith('.')
      ? wrongRelative(owner, file, found)
      : wrongPackage(owner, file, found.specifier);
    return reason === undefined ? [] : [`${file} imports '${found.specifier}': ${reason}`];
  });
}

function wrongRelative(
  owner: ImportingPackage,
  file: string,
  { specifier, typeOnly }: Import,
): string | undefined {
  const target = join(dirname(file), specifier);
  if (!target.startsWith(`${owner.folder}/src/`))
    return 'a relative import stays inside the src of its package';
  if (owner.folder !== 'core') return undefined;
  const [from, to] = [coreArea(file), coreArea(target)];
  if (from === to) return undefined;
  if (coreLeaves.includes(from)) return `${from} is for every area, so it imports none`;
  const allowed = coreAreas.get(from);
  if (allowed === undefined)
    return `'${from}' is an area of core/src that the table of this test does not know`;
  if (allowed.includes(to) || coreLeaves.includes(to)) return undefined;
  if (typeOnly && coreTypeAreas.get(from)?.includes(to) === true) return undefined;
  return `in core, ${from} may import ${allowed.join(', ') || 'no other area'}, not ${to}`;
}

function wrongPackage(owner: ImportingPackage, file: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (builtinModules.includes(specifier)) return `write 'node:${specifier}'`;
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  if (name.startsWith('@entrepot/')) {
    if (owner.folder === 'plugin-sdk') return 'plugin-sdk imports none of our packages';
    if (name !== '@entrepot/plugin-sdk') return 'of our packages, only @entrepot/plugin-sdk may be imported';
    if (parts.includes('src') || parts.includes('dist')) return "a package's exports are its wall";
  }
  if (!owner.dependencies.has(name))
    return `package.json of ${owner.folder} does not name it as a dependency`;
  const home = frameworkFiles.get(name);
  const isHome = home === file || file === `${home}.ts` || file.startsWith(`${home}/`);
  return home === undefined || isHome ? undefined : `only ${home} may import ${name}`;
}

/** `core/src/store/keys.ts` is of area `store`, `core/src/log.ts` of area `log`. */
function coreArea(file: string): string {
  const [first = ''] = file.slice('core/src/'.length).split('/');
  return first.replace(/\.ts$/, '');
}
