import authHtpasswd from '@entrepot/auth-htpasswd';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  plugins: [storageFilesystem({ root: './.registry' }), authHtpasswd({ file: './htpasswd' })],
});
