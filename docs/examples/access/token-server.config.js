import authToken from '@entrepot/auth-token';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

const server = process.env.TOKEN_SERVER ?? 'https://auth.example.com';

export default defineConfig({
  plugins: [
    storageFilesystem({ root: './.registry' }),
    authToken({
      realm: `${server}/token`,
      service: 'registry.example.com',
      issuers: ['auth.example.com'],
      jwksUrl: `${server}/jwks`,
    }),
  ],
});
