import accessRules from '@entrepot/access-rules';
import authOidc from '@entrepot/auth-oidc';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';

const url = process.env.REGISTRY_URL ?? 'https://registry.example.com';
const issuer = process.env.OIDC_ISSUER ?? 'https://token.actions.githubusercontent.com';

const rules = [
  { who: ['everyone'], allow: ['pull'] },
  {
    who: ['user:github:*'],
    claims: { repository: 'acme/app', ref: 'refs/heads/main' },
    repositories: ['acme/app'],
    allow: ['push'],
  },
];
export default defineConfig({
  plugins: [
    storageFilesystem({ root: './.registry' }),
    authOidc({ issuers: [{ name: 'github', issuer, audience: 'registry.example.com' }] }),
    accessRules({ rules }),
    tokenIssuer({ url }),
  ],
});
