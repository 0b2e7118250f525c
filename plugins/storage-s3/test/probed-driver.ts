import { resolveOptions, type Logger } from '@entrepot/plugin-sdk';
import { S3Driver } from '../src/driver.ts';
import { schema, type Input, type Options } from '../src/options.ts';
import { probe } from '../src/probe.ts';
import { S3 } from '../src/s3/client.ts';

const silent = (): void => undefined;
export const silentLog: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A driver and the connection under it, which is to be closed. */
export interface OpenDriver {
  readonly driver: S3Driver;
  readonly s3: S3;
}

/** A driver as the plugin would make it, before it has been started. */
export function openDriver(input: Input, log = silentLog): OpenDriver {
  const options = resolveOptions<Options>('storage-s3', schema, input);
  const s3 = new S3(options, log);
  return { driver: new S3Driver(s3, options.partSize, log), s3 };
}

/** A driver as the plugin would make it and start it. */
export async function probedDriver(input: Input, log = silentLog): Promise<OpenDriver> {
  const opened = openDriver(input, log);
  opened.s3.abilities = await probe(opened.s3);
  return opened;
}
