import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import { realmOption } from '@entrepot/plugin-sdk/access';
import { tokenOptions } from '@entrepot/plugin-sdk/tokens';

/** Somebody who issues tokens, as it is written. */
export interface IssuerOptions {
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl?: string;
  readonly jwksFile?: string;
  readonly subject: string;
  readonly groups: string;
}

export interface Options {
  readonly issuers: readonly IssuerOptions[];
  readonly username?: string;
  readonly realm: string;
  readonly algorithms: readonly string[];
  readonly leewaySeconds: number;
  readonly cacheSeconds: number;
  readonly staleSeconds: number;
}
type IssuerInput = Partial<IssuerOptions> & Pick<IssuerOptions, 'name' | 'issuer' | 'audience'>;
/** What a configuration has to say; the rest has defaults. */
export type Input = Partial<Omit<Options, 'issuers'>> & { readonly issuers: readonly IssuerInput[] };

const text = { type: 'string', minLength: 1 } as const;

const issuer: JSONSchemaType<IssuerOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'issuer', 'audience', 'subject', 'groups'],
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9]+(?:-[a-z0-9]+)*$',
      description: 'What the names of its identities begin with: `github` makes `github:<subject>`.',
    },
    issuer: {
      ...text,
      description: 'Who has issued a token (`iss`), letter by letter; usually the URL of its discovery.',
    },
    audience: {
      ...text,
      description: 'For whom a token has to be (`aud`). Let it be the name of this registry alone.',
    },
    jwksUrl: {
      ...text,
      nullable: true,
      description: 'Where its keys are; else `/.well-known/openid-configuration` says so.',
    },
    jwksFile: {
      ...text,
      nullable: true,
      description: 'A file with its keys, which is read again when it changes; then nothing is asked for.',
    },
    subject: {
      ...text,
      default: 'sub',
      description: 'The claim that names who it is. `/a/b` is a claim within another.',
    },
    groups: {
      ...text,
      default: 'groups',
      description: 'The claim with the groups, a list or a text. `/a/b` is a claim within another.',
    },
  },
};

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['issuers', 'realm', 'algorithms', 'leewaySeconds', 'cacheSeconds', 'staleSeconds'],
  properties: {
    issuers: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      items: issuer,
      description: 'Whose tokens are taken. Tokens of others are left to other plugins.',
    },
    username: {
      ...text,
      nullable: true,
      description: 'The only user name whose password may be a token; any, when left out.',
    },
    realm: realmOption,
    ...tokenOptions,
  },
};
