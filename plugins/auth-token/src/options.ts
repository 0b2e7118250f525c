import type { JSONSchemaType } from '@entrepot/plugin-sdk';

export interface Options {
  readonly realm: string;
  readonly service: string;
  readonly issuers: readonly string[];
  readonly audience?: string;
  readonly jwksUrl?: string;
  readonly jwksFile?: string;
  readonly rootCertificates?: string;
  readonly algorithms: readonly string[];
  readonly leewaySeconds: number;
  readonly cacheSeconds: number;
  readonly staleSeconds: number;
}
/** What a configuration has to say; the rest has defaults. */
export type Input = Partial<Options> & Pick<Options, 'realm' | 'service' | 'issuers'>;

/** Signatures by a private key alone: who can check a token must not be able to make one. */
const ALGORITHMS = [
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
];

const path = { type: 'string', minLength: 1, nullable: true } as const;
const quotable = { type: 'string', minLength: 1, pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]+$' } as const;
const seconds = { type: 'integer', minimum: 0 } as const;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['realm', 'service', 'issuers', 'algorithms', 'leewaySeconds', 'cacheSeconds', 'staleSeconds'],
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
    algorithms: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: ALGORITHMS },
      default: ALGORITHMS,
      description: 'The signature algorithms that are taken. None of them works with a shared secret.',
    },
    leewaySeconds: {
      ...seconds,
      maximum: 3600,
      default: 60,
      description: 'Seconds that the clock of the token server may differ from the one here.',
    },
    cacheSeconds: {
      ...seconds,
      minimum: 10,
      maximum: 86_400,
      default: 600,
      description: 'Seconds after which the keys of `jwksUrl` are asked for again.',
    },
    staleSeconds: {
      ...seconds,
      minimum: 10,
      maximum: 2_592_000,
      default: 86_400,
      description: 'Seconds for which known keys serve on while `jwksUrl` cannot be read.',
    },
  },
};
