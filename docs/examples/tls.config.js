import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: {
    host: '0.0.0.0',
    port: 443,
    tls: { cert: '/etc/entrepot/tls/fullchain.pem', key: '/etc/entrepot/tls/privkey.pem' },
    redirectPort: 80,
  },
  plugins: [storageFilesystem({ root: '/var/lib/entrepot' })],
});
