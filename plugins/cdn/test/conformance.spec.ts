import { withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import cdn from '@entrepot/cdn';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { CloudFront } from '../src/cloud-front.ts';
import { Distribution } from './distribution.ts';

describePlugin({ describe, it }, cdn, {
  valid: { url: 'https://d111111abcdef8.cloudfront.net/registry' },
  invalid: { url: 'd111111abcdef8.cloudfront.net' },
});

describe('storage behind CloudFront', () => {
  let distribution: Distribution;
  before(async () => {
    distribution = await Distribution.start();
  });
  after(() => distribution.stop());

  describeStorageDriver(
    { describe, it },
    {
      name: 'memory behind CloudFront',
      async create() {
        const memory = new Memory(1024 ** 3);
        const open = (): StorageDriver => {
          const driver = new MemoryDriver(memory);
          const network = new CloudFront(distribution.urlOf(driver), distribution.key);
          return withMethods(driver, { signUrl: network.signUrlFor() });
        };
        return { driver: open(), reopen: open, destroy: async () => undefined };
      },
    },
  );
});
