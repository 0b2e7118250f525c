import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { nameIn, unitsIn, type NameSource } from './subject.ts';

interface Options {
  readonly name: NameSource;
  readonly users?: Readonly<Record<string, string>>;
  readonly groups: boolean;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'groups'],
  properties: {
    name: {
      type: 'string',
      enum: ['commonName', 'email', 'dnsName', 'uri'],
      default: 'commonName',
      description:
        'Which part of the certificate is the name of its owner: the common name of the subject, or its one alternative name of that kind.',
    },
    users: {
      type: 'object',
      nullable: true,
      required: [],
      additionalProperties: { type: 'string', minLength: 1, maxLength: 255 },
      description:
        'Users by the names in their certificates, or by `sha256:` and the fingerprint of one. With it, a certificate that is not listed is nobody; without it, the name is the user.',
    },
    groups: {
      type: 'boolean',
      default: false,
      description: 'Whether the organizational units of the subject are the groups of the user.',
    },
  },
};

/**
 * Takes the verified certificate of a connection for the identity of who asks. Credentials in the request itself go before
 * it: whoever has typed a password wants to be taken for its owner, and hears when it is wrong.
 */
export default definePlugin<Options, Partial<Options>>({
  name: 'auth-mtls',
  schema,
  setup({ name, hooks, options: { name: source, users, groups } }) {
    const userOf = users === undefined ? undefined : new Map(Object.entries(users));
    hooks.authenticate.tap(name, ({ certificate, basic, bearer }) => {
      if (certificate === undefined || basic !== undefined || bearer !== undefined) return undefined;
      const named = nameIn(certificate, source);
      const subject = userOf === undefined ? named : listed(userOf, certificate.fingerprint, named);
      if (subject === undefined) return undefined;
      return { subject, ...(groups ? { groups: unitsIn(certificate) } : {}) };
    });
  },
});

const FINGERPRINT = 'sha256:';

/** No name passes for a fingerprint. */
function listed(users: ReadonlyMap<string, string>, fingerprint: string, name?: string): string | undefined {
  const known = users.get(FINGERPRINT + fingerprint);
  return known ?? (name === undefined || name.startsWith(FINGERPRINT) ? undefined : users.get(name));
}
