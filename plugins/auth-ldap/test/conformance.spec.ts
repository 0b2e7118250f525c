import authLdap from '@entrepot/auth-ldap';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

// Nobody listens there: a registry starts without its directory.
const options = { url: 'ldap://127.0.0.1:1', userDn: 'uid={user},ou=people,dc=example,dc=com' };

describePlugin({ describe, it }, authLdap, {
  valid: options,
  invalid: { ...options, userBase: 'ou=people,dc=example,dc=com' },
});
