// A registry on the disk of one machine. It is reached through a server that speaks TLS and asks who is there.
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: {
    host: '127.0.0.1',
    port: 5000,
    // A process for each processor, on the one port.
    workers: 'auto',
  },
  plugins: [storageFilesystem({ root: '/var/lib/entrepot' })],
});
