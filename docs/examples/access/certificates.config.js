import accessRules from '@entrepot/access-rules';
import authMtls from '@entrepot/auth-mtls';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

const rules = [
  { who: ['group:ci'], allow: ['pull', 'push', 'create'] },
  { who: ['known'], allow: ['pull'] },
];
export default defineConfig({
  http: {
    host: '0.0.0.0',
    tls: { cert: './registry.crt', key: './registry.key', clientCa: './clients.crt' },
  },
  plugins: [storageFilesystem({ root: './.registry' }), authMtls({ groups: true }), accessRules({ rules })],
});
