import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import quota from '@entrepot/quota';

describePlugin({ describe, it }, quota, {
  valid: { limits: [{ repositories: 'team', bytes: 10_000_000_000 }] },
  invalid: { limits: [{ repositories: 'team', bytes: -1 }] },
});
