import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import tracing from '@entrepot/tracing';

describePlugin({ describe, it }, tracing, {
  valid: { endpoint: 'http://127.0.0.1:4318/v1/traces', share: 1 },
  invalid: { share: 2 },
});
