import accessRules from '@entrepot/access-rules';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, accessRules, {
  valid: { rules: [{ who: ['everyone'], repositories: ['public/**'], allow: ['pull'] }] },
  invalid: { rules: [{ who: ['everyone'], repositories: ['public/**'], allow: ['read'] }] },
});
