import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: { host: '127.0.0.1' },
  plugins: [storageFilesystem({ root: './.registry' })],
});
