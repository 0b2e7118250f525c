import { fileURLToPath } from 'node:url';
import authToken from '@entrepot/auth-token';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

const rootCertificates = fileURLToPath(new URL('certificates/root.pem', import.meta.url));
const server = { realm: 'https://auth.example.com/token', service: 'registry', issuers: ['auth'] };

describePlugin({ describe, it }, authToken, {
  valid: { ...server, rootCertificates },
  invalid: { ...server, rootCertificates, algorithms: ['HS256'] },
});
