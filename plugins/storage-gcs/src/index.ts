import { definePlugin } from '@entrepot/plugin-sdk';
import { diagnoseEndpoint } from '@entrepot/plugin-sdk/buckets';
import { GcsDriver } from './driver.ts';
import { Bucket } from './gcs/bucket.ts';
import { assertTogether, schema, type Input, type Options } from './options.ts';
import { probeBucket } from './probe.ts';

/** Keeps the registry in a bucket of Google Cloud Storage. */
export default definePlugin<Options, Input>({
  name: 'storage-gcs',
  schema,
  setup({ name, hooks, options, log }) {
    assertTogether(options);
    const bucket = new Bucket(options, log);
    const driver = new GcsDriver(bucket, options.partSize, log);
    hooks.storage.tap(name, () => driver);
    return {
      async start() {
        await probeBucket(bucket);
        const { apiEndpoint, prefix } = options;
        const credentials = await bucket.credentialSource();
        log.info(
          { bucket: bucket.name, prefix, apiEndpoint, credentials },
          'the bucket holds what a registry needs',
        );
      },
      health: () => bucket.reach(),
      async stop() {
        bucket.close();
      },
      diagnose: () => diagnoseEndpoint(options.apiEndpoint ?? 'https://storage.googleapis.com'),
    };
  },
});
