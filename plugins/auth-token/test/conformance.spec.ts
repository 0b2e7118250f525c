import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import authToken from '@entrepot/auth-token';
import { OptionsError, resolveOptions } from '@entrepot/plugin-sdk';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

const rootCertificates = fileURLToPath(new URL('certificates/root.pem', import.meta.url));
const server = { realm: 'https://auth.example.com/token', service: 'registry', issuers: ['auth'] };

describePlugin({ describe, it }, authToken, {
  valid: { ...server, rootCertificates },
  invalid: { ...server, rootCertificates, algorithms: ['HS256'] },
});

describe('The configuration of tokens', () => {
  it('has to have keys', () => {
    expect(() => resolveOptions('auth-token', authToken.schema, server)).to.throw(OptionsError, 'jwksUrl');
  });
});
