import accessRules from '@entrepot/access-rules';
import authLdap from '@entrepot/auth-ldap';
import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

const directory = {
  url: process.env.LDAP_URL ?? 'ldaps://ldap.example.com',
  caFile: './company-ca.pem',
  bindDn: 'cn=registry,ou=accounts,dc=example,dc=com',
  bindPassword: process.env.LDAP_PASSWORD,
  userBase: 'ou=people,dc=example,dc=com',
  groupBase: 'ou=groups,dc=example,dc=com',
};
const rules = [
  { who: ['group:operators'], allow: ['*'] },
  { who: ['group:developers'], repositories: ['team/**'], allow: ['pull', 'push'] },
  { who: ['known'], repositories: ['home/${user}/**'], allow: ['pull', 'push'] },
  { who: ['known'], repositories: ['base/**'], allow: ['pull'] },
];
export default defineConfig({
  deletes: { enabled: true },
  plugins: [storageFilesystem({ root: './.registry' }), authLdap(directory), accessRules({ rules })],
});
