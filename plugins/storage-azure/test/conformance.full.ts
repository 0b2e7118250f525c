import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageAzure from '@entrepot/storage-azure';
import { startAzurite, type Azurite } from '../../../test/servers/azurite.ts';
import type { Input } from '../src/options.ts';
import { openDriver, type OpenDriver } from './open-driver.ts';
import { scratchContainer } from './scratch-container.ts';

describe('Azure on Azurite', () => {
  let azurite: Azurite;
  const valid: Input = { container: 'set-below' };

  before(async () => {
    azurite = await startAzurite();
    Object.assign(valid, (await scratchContainer(azurite)).input);
  });
  after(() => azurite.stop());

  describePlugin({ describe, it }, storageAzure, { valid, invalid: { container: '' } });

  for (const prefix of ['', 'some/folder./']) {
    describeStorageDriver(
      { describe, it },
      {
        name: prefix === '' ? 'on Azurite' : 'on Azurite, under a prefix',
        async create() {
          const { input, client } = await scratchContainer(azurite);
          const opened: OpenDriver[] = [];
          const open = (): OpenDriver['driver'] => {
            const one = openDriver({ ...input, prefix });
            opened.push(one);
            return one.driver;
          };
          return {
            driver: open(),
            reopen: open,
            async destroy() {
              for (const { container } of opened) container.close();
              await client.delete();
            },
          };
        },
      },
    );
  }
});
