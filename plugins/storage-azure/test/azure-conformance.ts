import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageAzure from '@entrepot/storage-azure';
import type { Azurite } from '../../../test/servers/azurite.ts';
import type { Input } from '../src/options.ts';
import { openDriver, type OpenDriver } from './open-driver.ts';
import { scratchContainer } from './scratch-container.ts';

export interface Subject {
  readonly name: string;
  readonly start: () => Promise<Azurite>;
  readonly prefixes: readonly string[];
}

/** Declares the conformance kit for this driver on a server: started before, stopped after. */
export function describeAzureConformance({ name, start, prefixes }: Subject): void {
  describe(`Azure on ${name}`, () => {
    let server: Azurite;
    const valid: Input = { container: 'set-below' };

    before(async () => {
      server = await start();
      Object.assign(valid, (await scratchContainer(server)).input);
    });
    after(() => server.stop());

    describePlugin({ describe, it }, storageAzure, { valid, invalid: { container: '' } });

    for (const prefix of prefixes) {
      describeStorageDriver(
        { describe, it },
        {
          name: prefix === '' ? `on ${name}` : `on ${name}, under ${prefix}`,
          async create() {
            const { input, client } = await scratchContainer(server);
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
}
