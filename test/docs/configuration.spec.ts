import { join } from 'node:path';
import { createRegistry, loadConfig } from '@entrepot/core';
import { expect } from 'chai';
import { configurationFile, configurationPage } from '../../docs/generate-configuration.ts';
import { readSource, root } from '../house/workspace.ts';

describe(configurationFile, () => {
  it('says what the schemas say (npx node --conditions=@entrepot/source docs/generate-configuration.ts)', async () => {
    expect(readSource(configurationFile)).to.equal(await configurationPage());
  });

  for (const example of ['registry.config.js', 'registry.config.yaml']) {
    it(`has in docs/examples/${example} a configuration that makes a registry`, async () => {
      const { config } = await loadConfig({ file: join(root, 'docs', 'examples', example) });
      const registry = await createRegistry(config);
      expect(registry.storage).to.equal('storage-filesystem');
    });
  }
});
