import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { root } from '../house/workspace.ts';
import { ask } from './asking.ts';
import { images, pull, push } from './pushing.ts';
import { Site } from './running-registry.ts';

const execute = promisify(execFile);
const executable = join(root, 'core/bin/registry.js');
const script = join(root, 'docs/examples/backup.sh');

describe('A back-up of a directory', () => {
  let site: Site;
  const running: Registry[] = [];
  beforeEach(async () => {
    site = await Site.create();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
    await site.remove();
  });

  async function serve(folder: string): Promise<string> {
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageFilesystem({ root: folder })],
    });
    running.push(registry);
    return (await registry.start()).url;
  }

  it('that is made while images are pushed has all whose push was answered before, and nothing that is incomplete', async () => {
    const [storage, backup] = [join(site.folder, 'storage'), join(site.folder, 'backup')];
    const url = await serve(storage);
    const all = images(24);
    const [before, meanwhile] = [all.slice(0, 8), all.slice(8)];
    for (const image of before) await push(url, image);

    const pushing = (async () => {
      for (const image of meanwhile) await push(url, image);
    })();
    await execute('sh', [script, storage, backup]);
    await pushing;

    await site.configure(join(site.folder, 'backup.config.mjs'), {}, { root: backup });
    await execute(
      process.execPath,
      [executable, 'verify', '--deep', '--json', '--config', join(site.folder, 'backup.config.mjs')],
      { env: { ...process.env, NODE_OPTIONS: '' } },
    );

    const restored = await serve(backup);
    for (const image of before) await pull(restored, image);
    let whole = 0;
    for (const image of meanwhile) {
      const { status } = await ask(restored, 'GET', `/v2/${image.repository}/manifests/${image.tag}`);
      expect(status).to.be.oneOf([200, 404]);
      if (status === 404) continue;
      await pull(restored, image);
      whole += 1;
    }
    expect(whole).to.be.at.most(meanwhile.length);
    for (const image of meanwhile) await push(restored, image);
    for (const image of all) await pull(restored, image);
  });
});
