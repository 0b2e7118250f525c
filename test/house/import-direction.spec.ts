import { expect } from 'chai';
import { type ImportingPackage, wrongImports } from './import-direction.ts';
import { publishedPackages, readSource, sourceFiles } from './workspace.ts';

describe('the direction of imports', () => {
  for (const owner of publishedPackages()) {
    it(`holds in ${owner.folder}`, () => {
      const wrong = sourceFiles(owner.folder).flatMap((file) => wrongImports(owner, file, readSource(file)));
      expect(wrong).to.deep.equal([]);
    });
  }

  const core: ImportingPackage = {
    folder: 'core',
    dependencies: new Set(['@entrepot/plugin-sdk', '@entrepot/storage-memory', 'express', 'pino']),
  };
  const sdk: ImportingPackage = {
    folder: 'plugin-sdk',
    dependencies: new Set(['@entrepot/core', 'ajv', 'tapable']),
  };
  const plugin: ImportingPackage = {
    folder: 'plugins/storage-memory',
    dependencies: new Set(['@entrepot/plugin-sdk', '@entrepot/core', 'express']),
  };

  const refused: readonly [title: string, owner: ImportingPackage, file: string, text: string][] = [
    [
      'core importing a plugin',
      core,
      'core/src/registry.ts',
      "import memory from '@entrepot/storage-memory';",
    ],
    [
      'the SDK importing core',
      sdk,
      'plugin-sdk/src/plugin.ts',
      "import { createRegistry } from '@entrepot/core';",
    ],
    ['a plugin importing core', plugin, 'plugins/storage-memory/src/driver.ts', "import '@entrepot/core';"],
    [
      "a package's inside",
      plugin,
      'plugins/storage-memory/src/driver.ts',
      "import { keys } from '@entrepot/plugin-sdk/src/storage.ts';",
    ],
    ['a path out of the package', core, 'core/src/log.ts', "import '../../plugin-sdk/src/errors.ts';"],
    ['a package that is no dependency', core, 'core/src/log.ts', "import pretty from 'left-pad';"],
    ['a builtin without node:', core, 'core/src/log.ts', "import { join } from 'path';"],
    ['express outside its file', core, 'core/src/server/server.ts', "import express from 'express';"],
    [
      'types of express outside its file',
      core,
      'core/src/api/blobs.ts',
      "import type { Request } from 'express';",
    ],
    ['a type query on express', core, 'core/src/api/blobs.ts', "export type R = import('express').Request;"],
    ['pino outside its file', core, 'core/src/registry.ts', "export { pino } from 'pino';"],
    ['ajv outside its file', sdk, 'plugin-sdk/src/plugin.ts', "import type { JSONSchemaType } from 'ajv';"],
    [
      'tapable outside its file',
      sdk,
      'plugin-sdk/src/plugin.ts',
      "const { SyncHook } = await import('tapable');",
    ],
    [
      'store reaching for http',
      core,
      'core/src/store/keys.ts',
      "import { parseRange } from '../http/range.ts';",
    ],
    [
      'store running manifest',
      core,
      'core/src/store/keys.ts',
      "import { parse } from '../manifest/parse-manifest.ts';",
    ],
    [
      'http reaching for store',
      core,
      'core/src/http/range.ts',
      "import type { Blob } from '../store/blob-store.ts';",
    ],
    ['api reaching for server', core, 'core/src/api/blobs.ts', "import { app } from '../server/app.ts';"],
    [
      'an area nobody has heard of',
      core,
      'core/src/shared/thing.ts',
      "import { a } from '../http/range.ts';",
    ],
  ];
  for (const [title, owner, file, text] of refused) {
    it(`refuses ${title}`, () => {
      expect(wrongImports(owner, file, text)).to.have.lengthOf(1);
    });
  }

  it('allows what the drawing allows', () => {
    const text = [
      "import { createHash } from 'node:crypto';",
      "import type { StorageDriver } from '@entrepot/plugin-sdk';",
      "import type { Manifest } from '../manifest/parse-manifest.ts';",
      "import { type Reference } from '../manifest/parse-manifest.ts';",
      "import { manifestKey } from './keys.ts';",
      "import { parseDigest } from '../digest.ts';",
    ].join('\n');
    expect(wrongImports(core, 'core/src/store/manifest-store.ts', text)).to.deep.equal([]);
    expect(wrongImports(core, 'core/src/server/app.ts', "import express from 'express';")).to.deep.equal([]);
  });
});
