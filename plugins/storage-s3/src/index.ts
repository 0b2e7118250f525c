import { definePlugin } from '@entrepot/plugin-sdk';
import { diagnoseEndpoint } from '@entrepot/plugin-sdk/buckets';
import { S3Driver } from './driver.ts';
import { schema, type Input, type Options } from './options.ts';
import { probe } from './probe.ts';
import { S3 } from './s3/client.ts';

/** Keeps the registry in a bucket of Amazon S3, or of another server that speaks its protocol. */
export default definePlugin<Options, Input>({
  name: 'storage-s3',
  schema,
  setup({ name, hooks, options, log }) {
    const s3 = new S3(options, log);
    const driver = new S3Driver(s3, options.partSize, log);
    hooks.storage.tap(name, () => driver);
    return {
      async start() {
        s3.abilities = await probe(s3);
        const { bucket, prefix, endpoint } = options;
        const credentials = await s3.credentialSource();
        log.info(
          { bucket, prefix, endpoint, credentials, ...s3.abilities },
          'the bucket holds what a registry needs',
        );
      },
      health: () => s3.reach(),
      async stop() {
        s3.close();
      },
      diagnose: () =>
        diagnoseEndpoint(options.endpoint ?? `https://s3.${options.region ?? 'us-east-1'}.amazonaws.com`),
    };
  },
});
