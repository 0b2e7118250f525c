// A registry on a server other than Amazon's that speaks S3: Ceph, a gateway, an appliance. What it has to be able to do is
// tried when the registry starts.
import { defineConfig } from '@entrepot/core';
import storageS3 from '@entrepot/storage-s3';

const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = process.env;

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  plugins: [
    storageS3({
      bucket: 'my-registry',
      endpoint: 'https://s3.example.org',
      credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
    }),
  ],
});
