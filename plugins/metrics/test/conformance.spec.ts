import metrics from '@entrepot/metrics';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, metrics, {
  valid: { repositories: ['library/*'] },
  invalid: { at: 'everywhere' },
});
