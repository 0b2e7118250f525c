import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import { limits } from './part-size.ts';

/** What an operator writes, with the defaults filled in. */
export interface Options {
  readonly bucket: string;
  readonly prefix: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly forcePathStyle?: boolean;
  readonly dualStack: boolean;
  readonly fips: boolean;
  readonly accelerate: boolean;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly profile?: string;
  readonly storageClass?: (typeof storageClasses)[number];
  readonly serverSideEncryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly kmsKeyId?: string;
  readonly checksums?: 'required' | 'supported';
  readonly partSize: number;
  readonly connections: number;
  readonly timeout: number;
  readonly maxAttempts: number;
}

/** Those in which an object can be read at once, and keys are listed in order. */
const storageClasses = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'REDUCED_REDUNDANCY',
  'OUTPOSTS',
] as const;

type Defaulted =
  'prefix' | 'dualStack' | 'fips' | 'accelerate' | 'partSize' | 'connections' | 'timeout' | 'maxAttempts';
export type Input = Omit<Options, Defaulted> & Partial<Pick<Options, Defaulted>>;

const text = { type: 'string', minLength: 1 } as const;
const optionalText = { ...text, nullable: true } as const;

export const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: [
    'bucket',
    'prefix',
    'dualStack',
    'fips',
    'accelerate',
    'partSize',
    'connections',
    'timeout',
    'maxAttempts',
  ],
  properties: {
    bucket: { ...text, description: 'Name of the bucket. It has to exist.' },
    prefix: {
      type: 'string',
      pattern: '^([A-Za-z0-9._~-]+/)*$',
      maxLength: 256,
      default: '',
      description:
        'What every key begins with: empty, or folders that end in `/`. Registries may share a bucket under different ones.',
    },
    region: {
      ...optionalText,
      description:
        'Region of the bucket; if absent, that of the environment or profile, and `us-east-1` with an endpoint.',
    },
    endpoint: {
      type: 'string',
      format: 'uri',
      pattern: '^https?://',
      nullable: true,
      description: 'URL of a server other than Amazon that speaks S3.',
    },
    forcePathStyle: {
      type: 'boolean',
      nullable: true,
      description:
        'Whether the bucket is named in the path instead of the host. If absent: yes with an endpoint, no without.',
    },
    dualStack: { type: 'boolean', default: false, description: 'Whether Amazon is reached by IPv6 too.' },
    fips: { type: 'boolean', default: false, description: 'Whether the FIPS endpoints of Amazon are used.' },
    accelerate: { type: 'boolean', default: false, description: 'Whether S3 Transfer Acceleration is used.' },
    credentials: {
      type: 'object',
      additionalProperties: false,
      required: ['accessKeyId', 'secretAccessKey'],
      nullable: true,
      properties: {
        accessKeyId: { ...text, description: 'Name of the key.' },
        secretAccessKey: {
          ...text,
          description: 'The key; take it from the environment, not from the file.',
        },
        sessionToken: { ...optionalText, description: 'Goes with keys that are temporary.' },
      },
      description:
        'Keys. If absent, the default chain of the AWS SDK: environment, profile, web identity, container, instance; keys that expire are renewed.',
    },
    profile: {
      ...optionalText,
      description: 'Profile of the shared AWS configuration to take region and credentials from.',
    },
    storageClass: {
      type: 'string',
      enum: storageClasses,
      nullable: true,
      description:
        'Storage class of objects of 128 KiB and more; smaller ones are always STANDARD, which costs less for them.',
    },
    serverSideEncryption: {
      type: 'string',
      enum: ['AES256', 'aws:kms', 'aws:kms:dsse'],
      nullable: true,
      description: "How objects are encrypted at rest. If absent, as the bucket's default says.",
    },
    kmsKeyId: {
      ...optionalText,
      description: 'KMS key to encrypt with; goes with `aws:kms` and `aws:kms:dsse`.',
    },
    checksums: {
      type: 'string',
      enum: ['required', 'supported'],
      nullable: true,
      description:
        'Whether checksums travel with all bytes (`supported`) or only where S3 demands them (`required`), which is what most other servers understand. If absent: `required` with an endpoint, `supported` without.',
    },
    partSize: {
      type: 'integer',
      minimum: limits.smallestPart,
      maximum: 1024 ** 3,
      default: 8 * 1024 ** 2,
      description:
        'Bytes of a part of a large upload. Parts of an object grow once it is 1200 times as long.',
    },
    connections: {
      type: 'integer',
      minimum: 8,
      maximum: 10_000,
      default: 64,
      description:
        'The most connections for requests, and again for blobs that are being read. What finds none free waits.',
    },
    timeout: {
      type: 'number',
      minimum: 0.1,
      maximum: 3600,
      default: 15,
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
  dependencies: { kmsKeyId: ['serverSideEncryption'] },
};
