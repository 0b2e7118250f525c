import { definePlugin } from '@entrepot/plugin-sdk';
import { diagnoseEndpoint } from '@entrepot/plugin-sdk/buckets';
import { Container } from './azure/container.ts';
import { AzureDriver } from './driver.ts';
import { assertTogether, schema, type Input, type Options } from './options.ts';
import { probeContainer } from './probe.ts';

/** Keeps the registry in a container of Azure Blob Storage. */
export default definePlugin<Options, Input>({
  name: 'storage-azure',
  schema,
  setup({ name, hooks, options, log }) {
    assertTogether(options);
    const container = new Container(options, log);
    const driver = new AzureDriver(container, options.partSize, log);
    hooks.storage.tap(name, () => driver);
    return {
      async start() {
        await probeContainer(container);
        const { account, endpoint, prefix } = options;
        const credentials = await container.credentialSource();
        log.info(
          { account, endpoint, container: container.name, prefix, credentials },
          'the container holds what a registry needs',
        );
      },
      health: () => container.reach(),
      async stop() {
        container.close();
      },
      diagnose: () => diagnoseEndpoint(new URL(container.blob('doctor').url).origin),
    };
  },
});
