import { startSlapd, type Slapd } from '../servers/slapd.ts';

/** The password of the account that looks for users. */
export const readerPassword = 'reading-only';

/** Users and their passwords. */
export const passwords = {
  alice: 'wonderland',
  bob: 'builder',
  olga: 'operating',
  zoë: 'Überraschung',
} as const;

const suffix = 'dc=example,dc=com';
const userDn = (name: string): string => `uid=${name},ou=people,${suffix}`;

interface Group {
  readonly dn: string;
  readonly name: string;
  readonly members: readonly string[];
}
const groups: readonly Group[] = [
  { dn: `cn=developers,ou=groups,${suffix}`, name: 'developers', members: ['alice', 'zoë'] },
  { dn: `cn=operators,ou=groups,${suffix}`, name: 'operators', members: ['olga'] },
  // Others may make groups there: they have names, and give no rights.
  { dn: `cn=operators,ou=lunch,${suffix}`, name: 'operators', members: ['alice', 'bob'] },
];

/** A company with developers and operators, and with some others. */
export function startCompanyDirectory(): Promise<Slapd> {
  const units = ['people', 'groups', 'accounts', 'lunch'].map((name) =>
    entry(`ou=${name},${suffix}`, ['objectClass: organizationalUnit', `ou: ${name}`]),
  );
  const users = Object.entries(passwords).map(([name, password]) =>
    entry(userDn(name), [
      'objectClass: inetOrgPerson',
      attribute('uid', name),
      attribute('cn', name),
      'sn: of the company',
      attribute('userPassword', password),
      ...groups.filter(({ members }) => members.includes(name)).map(({ dn }) => attribute('memberOf', dn)),
    ]),
  );
  return startSlapd(
    [
      entry(suffix, ['objectClass: domain', 'dc: example']),
      ...units,
      entry(`cn=registry,ou=accounts,${suffix}`, [
        'objectClass: organizationalRole',
        'objectClass: simpleSecurityObject',
        'cn: registry',
        attribute('userPassword', readerPassword),
      ]),
      ...users,
      ...groups.map(({ dn, name, members }) =>
        entry(dn, [
          'objectClass: groupOfNames',
          `cn: ${name}`,
          ...members.map((member) => attribute('member', userDn(member))),
        ]),
      ),
    ].join('\n'),
  );
}

function entry(dn: string, lines: readonly string[]): string {
  return `${[attribute('dn', dn), ...lines].join('\n')}\n`;
}

/** In base64, as LDIF wants what is not ASCII (RFC 2849). */
function attribute(name: string, value: string): string {
  return `${name}:: ${Buffer.from(value).toString('base64')}`;
}
