// A registry on Google Cloud Storage, with the application default credentials: those of the machine or the workload.
import { defineConfig } from '@entrepot/core';
import storageGcs from '@entrepot/storage-gcs';

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  plugins: [storageGcs({ bucket: 'my-registry' })],
});
