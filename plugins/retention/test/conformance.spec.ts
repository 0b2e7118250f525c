import retention from '@entrepot/retention';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, retention, {
  valid: { policies: [{ repositories: ['team/**'], keep: [{ lastPushed: 10 }] }] },
  invalid: { policies: [{ repositories: ['team/**'], keep: [{ lastPushed: 0 }] }] },
});
