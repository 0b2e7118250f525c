import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load-config.ts';
import { searchPlaces } from '../../src/config/search-places.ts';
import { rejectionOf } from '../rejection.ts';
import { createScratchFolder, type ScratchFolder } from '../scratch-folder.ts';

/** A plugin package that needs nothing. */
const packageText = (name: string): string => `export default (options = {}) => ({
  apiVersion: 1,
  name: '${name}',
  schema: { type: 'object', additionalProperties: false, properties: { realm: { type: 'string', default: 'registry' } } },
  options,
  setup() {},
});`;

describe('loadConfig', () => {
  let folder: ScratchFolder;
  beforeEach(async () => {
    folder = await createScratchFolder();
  });
  afterEach(() => folder.remove());

  async function portOf(files: Readonly<Record<string, string>>, file?: string): Promise<number> {
    await folder.write(files);
    return (await load(file)).config.http.port;
  }
  const load = (file?: string) => loadConfig({ directory: folder.path, ...(file !== undefined && { file }) });

  describe('finds', () => {
    const texts: Readonly<Record<string, string>> = {
      ts: 'const port: number = 1234;\nexport default { http: { port } };',
      js: 'export default { http: { port: 1234 } };',
      mjs: 'export default { http: { port: 1234 } };',
      cjs: 'module.exports = { http: { port: 1234 } };',
      json: '{ "http": { "port": 1234 } }',
      yaml: 'http:\n  port: 1234\n',
      yml: 'http:\n  port: 1234\n',
    };
    for (const place of searchPlaces) {
      it(place, async () => {
        expect(await portOf({ [place]: texts[place.split('.').at(-1) ?? ''] ?? '' })).to.equal(1234);
        expect((await load()).file).to.equal(join(folder.path, place));
      });
    }

    it('the first of several, in the order of the places', async () => {
      const port = await portOf({
        'registry.config.js': texts['js'] ?? '',
        'registry.config.yaml': 'http: { port: 1 }',
      });
      expect(port).to.equal(1234);
    });

    it('nothing in package.json, nor in folders above', async () => {
      await folder.write({ 'registry.config.json': '{}', 'below/package.json': '{ "registry": {} }' });
      const error = await rejectionOf(loadConfig({ directory: join(folder.path, 'below') }));
      expect(error.message).to.include('there is no configuration in').and.include('npx registry init');
      expect(error.message).to.include('export default defineConfig({').and.include('storageFilesystem(');
    });
  });

  it('loads the file it is told to, from the folder it is told', async () => {
    const files = { 'registry.config.json': '{}', 'etc/other.json': '{ "http": { "port": 4321 } }' };
    expect(await portOf(files, 'etc/other.json')).to.equal(4321);
    expect(await portOf(files, join(folder.path, 'etc/other.json'))).to.equal(4321);
  });

  it('calls a function that is exported, sync or async', async () => {
    expect(await portOf({ 'a.mjs': 'export default () => ({ http: { port: 1 } });' }, 'a.mjs')).to.equal(1);
    expect(
      await portOf({ 'b.mjs': 'export default async () => ({ http: { port: 2 } });' }, 'b.mjs'),
    ).to.equal(2);
  });

  it('lets overrides win over the file', async () => {
    await folder.write({ 'registry.config.json': '{ "http": { "host": "0.0.0.0", "port": 1 } }' });
    const { config } = await loadConfig({ directory: folder.path, overrides: { http: { port: 2 } } });
    expect(config.http).to.deep.include({ host: '0.0.0.0', port: 2 });
  });

  it('loads plugins through the packages that the file imports', async () => {
    await folder.write({
      'registry.config.js': `import { defineConfig } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
export default defineConfig({ plugins: [storageMemory()] });`,
    });
    const { config } = await load();
    expect(config.plugins.map(({ name }) => name)).to.deep.equal(['storage-memory']);
  });

  describe('refuses', () => {
    const cases: readonly [title: string, file: string, text: string, message: RegExp][] = [
      [
        'a file that exports nothing',
        'a.mjs',
        'export const port = 1;',
        /exports no configuration; it needs: export default/,
      ],
      ['an empty file', 'a.yaml', '', /exports no configuration/],
      ['a function that gives nothing', 'a.mjs', 'export default () => {};', /exports no configuration/],
      [
        'a function that fails',
        'a.mjs',
        'export default () => { throw new Error("no secret"); };',
        /has failed: no secret/,
      ],
      ['JSON with a mistake', 'a.json', '{ "http": }', /cannot read the configuration .*a\.json.*JSON/s],
      ['YAML with a mistake', 'a.yaml', 'http: [', /cannot read the configuration .*a\.yaml/s],
      [
        'a module that throws',
        'a.mjs',
        'throw new Error("broken");',
        /cannot read the configuration .*a\.mjs: broken/,
      ],
      [
        'a module that reads a file in vain, although that is ENOENT',
        'registry.config.mjs',
        'import { readFileSync } from "node:fs"; readFileSync("/nowhere/users"); export default {};',
        /cannot read the configuration .*ENOENT.*\/nowhere\/users/,
      ],
      [
        'an import of a missing package',
        'a.mjs',
        'import x from "@acme/storage-acme"; export default {};',
        /run: npm install @acme\/storage-acme$/,
      ],
      [
        'an extension nobody knows',
        'a.ini',
        'port = 1',
        /cannot read the configuration .*a\.ini: No loader specified for extension "\.ini"/,
      ],
      [
        'settings with mistakes, by the name of the file',
        'a.json',
        '{ "http": { "port": true } }',
        /^a\.json: http\.port must be of type integer$/,
      ],
    ];
    for (const [title, file, text, message] of cases) {
      it(title, async () => {
        await folder.write({ [file]: text });
        expect((await rejectionOf(load(file))).message).to.match(message);
      });
    }

    it('a file that does not exist', async () => {
      expect((await rejectionOf(load('none.js'))).message).to.match(
        /^cannot read the configuration .*none\.js/,
      );
    });

    it('ES module syntax in a CommonJS folder, with the remedy', async () => {
      await folder.write({
        'package.json': '{ "type": "commonjs" }',
        'registry.config.js': 'import "node:fs"; export default {};',
      });
      expect((await rejectionOf(load())).message)
        .to.include('registry.config.mjs')
        .and.include('"type": "module"');
    });
  });

  describe('with plugins named by package', () => {
    const named = (use: string, options?: object): string =>
      JSON.stringify({ plugins: [{ use, ...(options && { options }) }] });
    const nameOf = async (text: string): Promise<string | undefined> => {
      await folder.write({ 'etc/registry.config.json': text });
      return (await load('etc/registry.config.json')).config.plugins[0]?.name;
    };

    it('finds the package from the folder of the file', async () => {
      await folder.write({
        'etc/node_modules/@acme/auth/package.json': '{ "type": "module", "exports": "./index.js" }',
        'etc/node_modules/@acme/auth/index.js': packageText('auth-near'),
        'node_modules/@acme/auth/package.json': '{ "type": "module", "exports": "./index.js" }',
        'node_modules/@acme/auth/index.js': packageText('auth-far'),
      });
      expect(await nameOf(named('@acme/auth', { realm: 'test' }))).to.equal('auth-near');
    });

    it('finds packages that can only be imported, and paths', async () => {
      await folder.write({
        'node_modules/acme-auth/package.json': '{ "type": "module", "exports": { "import": "./index.js" } }',
        'node_modules/acme-auth/index.js': packageText('auth-acme'),
        'etc/own.mjs': packageText('auth-own'),
      });
      expect(await nameOf(named('acme-auth'))).to.equal('auth-acme');
      expect(await nameOf(named('./own.mjs'))).to.equal('auth-own');
    });

    it('resolves the conditions of the process: sources in a checkout, the build elsewhere', async () => {
      await folder.write({
        'node_modules/acme-auth/package.json':
          '{ "type": "module", "exports": { "@entrepot/source": "./source.js", "default": "./built.js" } }',
        'node_modules/acme-auth/source.js': packageText('auth-source'),
        'node_modules/acme-auth/built.js': packageText('auth-built'),
      });
      expect(await nameOf(named('acme-auth'))).to.equal('auth-source');

      const importFrom = fileURLToPath(new URL('../../src/config/import-from.ts', import.meta.url));
      const script = `const { importFrom } = await import(${JSON.stringify(importFrom)});
console.log((await importFrom(${JSON.stringify(folder.path)}, 'acme-auth')).default().name);`;
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '--eval',
        script,
      ]);
      expect(stdout.trim()).to.equal('auth-built');
    });

    it('loads a workspace of the checkout', async () => {
      expect(await nameOf(named('@entrepot/storage-memory'))).to.equal('storage-memory');
    });

    const refusals: readonly [title: string, entry: string, message: RegExp][] = [
      [
        'a missing package, with the command that installs it',
        named('@entrepot/storage-nowhere'),
        /plugins\[0\]: the package '@entrepot\/storage-nowhere' is not installed; run: npm install @entrepot\/storage-nowhere$/,
      ],
      [
        'a package that is no plugin',
        named('@entrepot/plugin-sdk'),
        /plugins\[0\]: '@entrepot\/plugin-sdk' is no plugin/,
      ],
      ['a missing path', named('./none.mjs'), /plugins\[0\]: cannot load '\.\/none\.mjs'/],
      [
        'options with mistakes',
        named('./own.mjs', { realm: 1 }),
        /plugins\[0\] auth-own: realm must be of type string/,
      ],
      [
        'keys that an entry does not have',
        '{ "plugins": [{ "use": "x", "option": {} }] }',
        /plugins\[0\]: options has an unknown key 'option'/,
      ],
      [
        'an entry that names nothing',
        '{ "plugins": [{ "name": "auth" }] }',
        /plugins\[0\] must be a plugin, or \{ use:/,
      ],
    ];
    for (const [title, text, message] of refusals) {
      it(`refuses ${title}`, async () => {
        await folder.write({ 'etc/own.mjs': packageText('auth-own') });
        expect((await rejectionOf(nameOf(text))).message).to.match(message);
      });
    }
  });
});
