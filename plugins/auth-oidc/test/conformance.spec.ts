import { fileURLToPath } from 'node:url';
import authOidc from '@entrepot/auth-oidc';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

const jwksFile = fileURLToPath(new URL('keys.json', import.meta.url));
const issuer = { name: 'ci', issuer: 'https://ci.example.com', audience: 'registry.example.com', jwksFile };

describePlugin({ describe, it }, authOidc, {
  valid: { issuers: [issuer] },
  invalid: { issuers: [{ ...issuer, audience: '' }] },
});
