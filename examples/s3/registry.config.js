// A registry on Amazon S3. Without keys it takes those of the environment, the profile, the pod, or the machine.
import { defineConfig } from '@entrepot/core';
import storageS3 from '@entrepot/storage-s3';

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  plugins: [
    storageS3({
      bucket: 'my-registry',
      region: 'eu-central-1',
      // Large layers that are rarely pulled cost less so; small objects stay where they are cheap.
      storageClass: 'INTELLIGENT_TIERING',
      serverSideEncryption: 'AES256',
    }),
  ],
});
