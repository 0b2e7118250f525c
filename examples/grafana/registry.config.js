import { defineConfig } from '@entrepot/core';
import metrics from '@entrepot/metrics';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  // Prometheus on another machine needs an address of a network that clients do not reach.
  diagnostics: { host: '127.0.0.1', port: 5001 },
  plugins: [storageFilesystem({ root: '/var/lib/registry' }), metrics()],
});
