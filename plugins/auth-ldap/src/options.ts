import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import { loginOptions, realmOption, type LoginLimits } from '@entrepot/plugin-sdk/access';

export interface Options extends LoginLimits {
  readonly url: string;
  readonly startTls: boolean;
  readonly caFile?: string;
  readonly bindDn?: string;
  readonly bindPassword?: string;
  readonly userDn?: string;
  readonly userBase?: string;
  readonly userFilter: string;
  readonly nameAttribute: string;
  readonly groupBase?: string;
  readonly groupFilter: string;
  readonly groupAttribute: string;
  readonly memberOf: boolean;
  readonly realm: string;
  readonly connections: number;
  readonly timeoutSeconds: number;
}
/** What a configuration has to say; the rest has defaults. */
export type Input = Partial<Options> & Pick<Options, 'url'>;

const text = { type: 'string', minLength: 1 } as const;
const optional = { ...text, nullable: true } as const;
const attribute = { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9-]*$' } as const;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: [
    'url',
    'startTls',
    'userFilter',
    'nameAttribute',
    'groupFilter',
    'groupAttribute',
    'memberOf',
    'realm',
    'connections',
    'timeoutSeconds',
    'cacheSeconds',
    'guessesPerAccount',
    'guessesPerAddress',
    'guessWindowSeconds',
  ],
  oneOf: [{ required: ['userDn'] }, { required: ['userBase'] }],
  dependencies: { bindDn: ['bindPassword'], bindPassword: ['bindDn'] },
  properties: {
    url: {
      type: 'string',
      pattern: '^ldaps?://[^\\s/?#@]+/?$',
      description: 'Where the directory is: `ldaps://ldap.example.com`, or `ldap://` with `startTls`.',
    },
    startTls: {
      type: 'boolean',
      default: false,
      description: 'Goes over to TLS on a connection of `ldap://` before anything is said.',
    },
    caFile: {
      ...optional,
      description:
        'A PEM file with the certificates that the directory is trusted by, instead of those of the system. It is read again when it changes.',
    },
    bindDn: {
      ...optional,
      description: 'Who looks for users and groups: the name of an account that may do no more than that.',
    },
    bindPassword: {
      ...optional,
      description: 'Its password; take it from the environment, not from the file.',
    },
    userDn: {
      ...optional,
      pattern: '\\{user\\}',
      description:
        'The name of the entry of a user, where all are alike: `uid={user},ou=people,dc=example,dc=com`.',
    },
    userBase: {
      ...optional,
      description: 'Below which entry users are looked for, where their names are not alike.',
    },
    userFilter: {
      ...text,
      pattern: '\\{user\\}',
      default: '(uid={user})',
      description: 'What finds the one entry of a user below `userBase`.',
    },
    nameAttribute: {
      ...attribute,
      default: 'uid',
      description:
        'The attribute that has the name of the user as rules and the log have it, however it was typed.',
    },
    groupBase: {
      ...optional,
      description: 'Below which entry the groups are. Without it users have none.',
    },
    groupFilter: {
      ...text,
      default: '(member={dn})',
      description:
        'What finds the groups of a user below `groupBase`: `{dn}` is the entry, `{user}` the name.',
    },
    groupAttribute: {
      ...attribute,
      default: 'cn',
      description: 'The attribute that has the name of a group.',
    },
    memberOf: {
      type: 'boolean',
      default: false,
      description:
        'Takes the groups from the attribute `memberOf` of the user, those below `groupBase`, instead of looking for them.',
    },
    realm: realmOption,
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 256,
      default: 8,
      description: 'Connections of one process at the same time. 64 more logins wait, others get 429.',
    },
    timeoutSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: 5,
      description: 'Seconds that connecting may take, and each answer.',
    },
    ...loginOptions,
  },
};
