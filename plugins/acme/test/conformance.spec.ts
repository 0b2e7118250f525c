import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import acme from '../src/index.ts';

describePlugin({ describe, it }, acme, {
  valid: { domains: ['registry.example.com'], agreeToTerms: true },
  invalid: { domains: ['*.example.com'], agreeToTerms: true },
});
