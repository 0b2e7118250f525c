// A runnable example, and the configuration of `npm start`. docs/configuration.md lists every setting.
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: {
    // 127.0.0.1 is reached from this machine alone. Before listening on '0.0.0.0', add a plugin that asks who is there.
    host: '127.0.0.1',
    port: 5000,
  },

  // Uncomment to forbid clients to delete tags, manifests and blobs:
  // deletes: { enabled: false },

  plugins: [
    // Where images are kept. Exactly one plugin gives the storage.
    storageFilesystem({ root: './.registry' }),

    // More plugins follow here. A falsy entry is left out, so conditions can be written:
    // process.env.WEBHOOK_URL && eventsWebhook({ url: process.env.WEBHOOK_URL }),
  ],
});
