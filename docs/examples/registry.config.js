import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: { host: '127.0.0.1', port: 5000 },
  log: { level: 'info' },
  deletes: { enabled: false },
  plugins: [storageFilesystem({ root: './.registry' })],
});
