// The same file on each of the machines: replicas have nothing to know of each other, all they share is the bucket.
import { defineConfig } from '@entrepot/core';
import storageS3 from '@entrepot/storage-s3';

export default defineConfig({
  http: {
    // The network that nginx reaches this machine by; nobody else should.
    host: '0.0.0.0',
    port: 5000,
    // nginx: what it says of clients is believed.
    trustedProxies: ['10.0.0.10'],
    // A replica that is told to stop says so on /readyz and serves on for as long, so that whoever balances may notice.
    stopDelay: 5,
    // A large layer may take a while, even one that has been begun.
    drainTimeout: 300,
  },
  plugins: [storageS3({ bucket: 'my-registry', region: 'eu-central-1' })],
});
