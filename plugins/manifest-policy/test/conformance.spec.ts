import manifestPolicy from '@entrepot/manifest-policy';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, manifestPolicy, {
  valid: { immutable: [{ repositories: ['prod/**'], tags: ['v*'], except: ['v-next'] }] },
  invalid: { immutable: [{ repositories: ['prod/**'] }] },
});
