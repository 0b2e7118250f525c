import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readSource, root } from '../house/workspace.ts';
import { fences } from './markdown.ts';

const page = 'docs/architecture.md';

/** Names of files and folders of a folder that the text does not have. */
function untold(folder: string, text: string): string[] {
  const names = readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || /\.(?:ts|js)$/.test(entry.name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  return names.filter((name) => !['node_modules/', 'dist/'].includes(name) && !text.includes(name));
}

describe(page, () => {
  const [tree] = fences(page);

  for (const folder of ['core/src', 'plugin-sdk/src']) {
    it(`has every part of ${folder} in its tree`, () => {
      expect(untold(folder, tree?.text ?? '')).to.deep.equal([]);
    });
  }

  it('has every plugin in its tree', () => {
    const plugins = readdirSync(join(root, 'plugins')).filter((name) =>
      existsSync(join(root, 'plugins', name, 'src', 'index.ts')),
    );
    expect(plugins.filter((name) => tree?.text.includes(`${name}/`) !== true)).to.deep.equal([]);
  });

  it('names files of core that are there, on the way of a request', () => {
    const steps = readSource(page).matchAll(/^ +((?:api|auth|events|http|manifest|store)\/[\w-]+\.ts)\b/gm);
    const files = [...steps].map(([, file = '']) => file);
    expect(files).to.not.be.empty;
    const there = new Set(readdirSync(join(root, 'core/src'), { recursive: true, encoding: 'utf8' }));
    expect(files.filter((file) => !there.has(file))).to.deep.equal([]);
  });
});
