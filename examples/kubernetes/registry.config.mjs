// A registry on Amazon S3 with the role of its service account. Another cloud is another plugin; nothing else changes.
import { defineConfig } from '@entrepot/core';
import storageS3 from '@entrepot/storage-s3';

export default defineConfig({
  http: {
    host: '0.0.0.0',
    port: 5000,
    // A pod that is told to stop is still sent requests until all nodes know.
    stopDelay: 10,
    // Together less than terminationGracePeriodSeconds.
    drainTimeout: 300,
  },
  plugins: [storageS3({ bucket: 'my-registry', region: 'eu-central-1' })],
});
