// A registry on Azure Blob Storage, with the identity of the machine or the workload.
import { defineConfig } from '@entrepot/core';
import storageAzure from '@entrepot/storage-azure';

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  plugins: [storageAzure({ account: 'myregistry', container: 'blobs' })],
});
