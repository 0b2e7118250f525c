import { resolveOptions, type Logger } from '@entrepot/plugin-sdk';
import { Container } from '../src/azure/container.ts';
import { AzureDriver } from '../src/driver.ts';
import { schema, type Input, type Options } from '../src/options.ts';

const silent = (): void => undefined;
export const silentLog: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A driver and the connection under it, which is to be closed. */
export interface OpenDriver {
  readonly driver: AzureDriver;
  readonly container: Container;
}

/** A driver as the plugin would make it, before it has been started. */
export function openDriver(input: Input, log = silentLog): OpenDriver {
  const options = resolveOptions<Options>('storage-azure', schema, input);
  const container = new Container(options, log);
  return { driver: new AzureDriver(container, options.partSize, log), container };
}
