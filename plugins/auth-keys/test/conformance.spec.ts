import authKeys from '@entrepot/auth-keys';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, authKeys, {
  valid: { administrators: ['user:alice'] },
  invalid: { administrators: ['alice'] },
});
