import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import authMtls from '../src/index.ts';

describePlugin({ describe, it }, authMtls, {
  valid: { users: { 'ci.example.com': 'ci' } },
  invalid: { name: 'serialNumber' },
});
