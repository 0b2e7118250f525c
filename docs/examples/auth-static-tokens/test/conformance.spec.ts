import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import authStaticTokens from '../src/index.ts';

const token = {
  subject: 'ci',
  token: 'a-secret-of-24-characters',
  repositories: ['team/*'],
  actions: ['pull', 'push'],
} as const;

describePlugin({ describe, it }, authStaticTokens, {
  valid: { realm: 'acme', tokens: [token] },
  invalid: { realm: 'acme', tokens: [{ ...token, token: 'short' }] },
});
