import { OptionsError, type JSONSchemaType } from '@entrepot/plugin-sdk';

/** What an operator writes, with the defaults filled in. */
export interface Options {
  readonly account?: string;
  readonly container: string;
  readonly prefix: string;
  readonly endpoint?: string;
  readonly accountKey?: string;
  readonly sasToken?: string;
  readonly connectionString?: string;
  readonly servicePrincipal?: {
    readonly tenantId: string;
    readonly clientId: string;
    readonly clientSecret: string;
  };
  readonly managedIdentityClientId?: string;
  readonly partSize: number;
  readonly connections: number;
  readonly timeout: number;
  readonly maxAttempts: number;
}

type Defaulted = 'prefix' | 'partSize' | 'connections' | 'timeout' | 'maxAttempts';
export type Input = Omit<Options, Defaulted> & Partial<Pick<Options, Defaulted>>;

const MiB = 1024 ** 2;
const text = { type: 'string', minLength: 1 } as const;
const optionalText = { ...text, nullable: true } as const;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['container', 'prefix', 'partSize', 'connections', 'timeout', 'maxAttempts'],
  properties: {
    account: {
      type: 'string',
      pattern: '^[a-z0-9]{3,24}$',
      nullable: true,
      description: 'Name of the storage account.',
    },
    container: { ...text, description: 'Name of the container. It has to exist.' },
    prefix: {
      type: 'string',
      pattern: '^([A-Za-z0-9._~-]+/)*$',
      maxLength: 200,
      default: '',
      description:
        'What every key begins with: empty, or folders that end in `/`. Registries may share a container under different ones.',
    },
    endpoint: {
      type: 'string',
      format: 'uri',
      pattern: '^https?://',
      nullable: true,
      description:
        'URL of the blob service. If absent, `https://<account>.blob.core.windows.net`; other clouds and emulators have others.',
    },
    accountKey: {
      ...optionalText,
      description: 'A key of the account; take it from the environment, not from the file.',
    },
    sasToken: {
      ...optionalText,
      description: 'A shared access signature for the container or the account, without the URL.',
    },
    connectionString: {
      ...optionalText,
      description:
        'A connection string of the account: it says account, endpoint and key or signature at once.',
    },
    servicePrincipal: {
      type: 'object',
      additionalProperties: false,
      required: ['tenantId', 'clientId', 'clientSecret'],
      nullable: true,
      properties: {
        tenantId: { ...text, description: 'The tenant of Microsoft Entra ID.' },
        clientId: { ...text, description: 'The application.' },
        clientSecret: {
          ...text,
          description: 'Its secret; take it from the environment, not from the file.',
        },
      },
      description: 'An application registered in Microsoft Entra ID.',
    },
    managedIdentityClientId: {
      ...optionalText,
      description:
        'Client id of a managed identity that is assigned by users; needless when there is but one.',
    },
    partSize: {
      type: 'integer',
      minimum: MiB,
      maximum: 1024 * MiB,
      default: 8 * MiB,
      description:
        'Bytes of a part of a large upload. Parts of an object grow once it is 8000 times as long.',
    },
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 64,
      description:
        'The most connections for requests, and again for blobs that are being read. What finds none free waits.',
    },
    timeout: {
      type: 'number',
      minimum: 0.1,
      maximum: 3600,
      default: 30,
      description: 'Seconds without progress after which an attempt is given up.',
    },
    maxAttempts: {
      type: 'integer',
      minimum: 1,
      maximum: 20,
      default: 6,
      description: 'How often a request is sent at most.',
    },
  },
};

/** How requests are allowed. At most one of these may be given; with none it is what the machine has (see README). */
const ways = [
  'connectionString',
  'accountKey',
  'sasToken',
  'servicePrincipal',
  'managedIdentityClientId',
] as const;

/**
 * What the schema cannot say: which options go together.
 * @throws OptionsError with one problem per mistake.
 */
export function assertTogether(options: Options): void {
  const problems: string[] = [];
  const given = ways.filter((way) => options[way] !== undefined);
  if (given.length > 1) problems.push(`of ${given.join(', ')}, only one can be used: leave out the others`);
  if (options.connectionString !== undefined) {
    for (const name of ['account', 'endpoint'] as const) {
      if (options[name] !== undefined)
        problems.push(`connectionString says the ${name} already: leave out ${name}`);
    }
  } else if (options.account === undefined && options.endpoint === undefined) {
    problems.push('account is missing: name the storage account, or give a connectionString or an endpoint');
  } else if (options.accountKey !== undefined && options.account === undefined) {
    problems.push('account is missing: a key is of no use without the name of its account');
  }
  if (problems.length > 0) throw new OptionsError(problems);
}
