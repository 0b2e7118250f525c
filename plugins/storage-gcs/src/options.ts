import { OptionsError, type JSONSchemaType } from '@entrepot/plugin-sdk';

/** What an operator writes, with the defaults filled in. */
export interface Options {
  readonly bucket: string;
  readonly prefix: string;
  readonly keyFile?: string;
  readonly credentials?: { readonly client_email: string; readonly private_key: string };
  readonly apiEndpoint?: string;
  readonly partSize: number;
  readonly connections: number;
  readonly timeout: number;
  readonly maxAttempts: number;
}

type Defaulted = 'prefix' | 'partSize' | 'connections' | 'timeout' | 'maxAttempts';
export type Input = Omit<Options, Defaulted> & Partial<Pick<Options, Defaulted>>;

const MiB = 1024 ** 2;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['bucket', 'prefix', 'partSize', 'connections', 'timeout', 'maxAttempts'],
  properties: {
    bucket: { type: 'string', minLength: 1, description: 'Name of the bucket. It has to exist.' },
    prefix: {
      type: 'string',
      pattern: '^([A-Za-z0-9._~-]+/)*$',
      maxLength: 200,
      default: '',
      description:
        'What every key begins with: empty, or folders that end in `/`. Registries may share a bucket under different ones.',
    },
    keyFile: {
      type: 'string',
      minLength: 1,
      nullable: true,
      description: 'The file with the key of a service account.',
    },
    credentials: {
      type: 'object',
      additionalProperties: false,
      required: ['client_email', 'private_key'],
      nullable: true,
      properties: {
        client_email: { type: 'string', minLength: 1, description: 'The service account.' },
        private_key: {
          type: 'string',
          minLength: 1,
          description: 'Its key; take it from the environment, not from the file.',
        },
      },
      description: 'These two of what stands in a key file, if there is to be no file.',
    },
    apiEndpoint: {
      type: 'string',
      format: 'uri',
      pattern: '^https?://',
      nullable: true,
      description:
        'URL to reach Google at, where it is not the usual one. No credentials are sent when it begins with http://, as emulators want it.',
    },
    partSize: {
      type: 'integer',
      minimum: MiB,
      maximum: 1024 * MiB,
      default: 8 * MiB,
      description:
        'Bytes of a part of a large upload. Parts of an object grow once it is 1200 times as long.',
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

/**
 * What the schema cannot say: which options go together.
 * @throws OptionsError
 */
export function assertTogether({ keyFile, credentials }: Options): void {
  if (keyFile !== undefined && credentials !== undefined)
    throw new OptionsError(['of keyFile and credentials, only one can be used: leave out the other']);
}
