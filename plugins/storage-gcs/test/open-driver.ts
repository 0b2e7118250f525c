import { resolveOptions, type Logger } from '@entrepot/plugin-sdk';
import { GcsDriver } from '../src/driver.ts';
import { Bucket } from '../src/gcs/bucket.ts';
import { schema, type Input, type Options } from '../src/options.ts';

const silent = (): void => undefined;
export const silentLog: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A driver and the connection under it, which is to be closed. */
export interface OpenDriver {
  readonly driver: GcsDriver;
  readonly bucket: Bucket;
}

/** A driver as the plugin would make it, before it has been started. */
export function openDriver(input: Input, log = silentLog): OpenDriver {
  const options = resolveOptions<Options>('storage-gcs', schema, input);
  const bucket = new Bucket(options, log);
  return { driver: new GcsDriver(bucket, options.partSize, log), bucket };
}
