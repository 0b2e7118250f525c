import accessRules from '@entrepot/access-rules';
import authHtpasswd from '@entrepot/auth-htpasswd';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

const rules = [
  { who: ['everyone'], allow: ['pull'] },
  { who: ['user:ci'], allow: ['push'] },
  { who: ['known'], allow: ['catalog'] },
];
export default defineConfig({
  plugins: [
    storageFilesystem({ root: './.registry' }),
    authHtpasswd({ file: './htpasswd' }),
    accessRules({ rules }),
  ],
});
