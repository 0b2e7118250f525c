import { fileURLToPath } from 'node:url';
import authHtpasswd from '@entrepot/auth-htpasswd';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

const file = fileURLToPath(new URL('users.htpasswd', import.meta.url));

describePlugin({ describe, it }, authHtpasswd, {
  valid: { file },
  invalid: { file, realm: 'a "quoted" realm' },
});
