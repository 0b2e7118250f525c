import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import { tokenOptions } from '@entrepot/plugin-sdk/tokens';

export interface Options {
  readonly realm: string;
  readonly service: string;
  readonly issuers: readonly string[];
  readonly audience?: string;
  readonly jwksUrl?: string;
  readonly jwksFile?: string;
  readonly rootCertificates?: string;
  readonly catalog: 'all' | 'granted';
  readonly algorithms: readonly string[];
  readonly leewaySeconds: number;
  readonly cacheSeconds: number;
  readonly staleSeconds: number;
}
/** What a configuration has to say; the rest has defaults. */
export type Input = Partial<Options> & Pick<Options, 'realm' | 'service' | 'issuers'>;

const path = { type: 'string', minLength: 1, nullable: true } as const;
const quotable = { type: 'string', minLength: 1, pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]+$' } as const;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: [
    'realm',
    'service',
    'issuers',
    'catalog',
    'algorithms',
    'leewaySeconds',
    'cacheSeconds',
    'staleSeconds',
  ],
  anyOf: [{ required: ['jwksUrl'] }, { required: ['jwksFile'] }, { required: ['rootCertificates'] }],
  properties: {
    realm: {
      ...quotable,
      pattern: '^https?://[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
      description: 'The URL of the token server, where clients get tokens.',
    },
    service: {
      ...quotable,
      description: 'What the token server calls this registry. ASCII, without quotes and backslashes.',
    },
    issuers: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      description: 'Who may have issued a token (`iss`), letter by letter.',
    },
    audience: {
      type: 'string',
      minLength: 1,
      nullable: true,
      description: 'For whom a token has to be (`aud`); what `service` says, unless given.',
    },
    jwksUrl: {
      type: 'string',
      pattern: '^https?://',
      nullable: true,
      description: 'Where the token server publishes its keys as a JSON Web Key Set.',
    },
    jwksFile: {
      ...path,
      description: 'A file with a JSON Web Key Set. It is read again when it changes.',
    },
    rootCertificates: {
      ...path,
      description:
        'A PEM file of certificates whose keys sign tokens, or certify the chains in `x5c`. It is read again when it changes.',
    },
    catalog: {
      type: 'string',
      enum: ['all', 'granted'],
      default: 'all',
      description:
        'Which repositories a token that allows `registry:catalog:*` shows: all, as with distribution, or those alone that it allows to pull.',
    },
    ...tokenOptions,
  },
};
