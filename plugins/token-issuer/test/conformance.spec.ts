import tokenIssuer from '@entrepot/token-issuer';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, tokenIssuer, {
  valid: { url: 'https://registry.example.com' },
  invalid: { url: 'https://registry.example.com/token' },
});
