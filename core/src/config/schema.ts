import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import type { Settings } from './define-config.ts';
import { diagnostics } from './diagnostics-schema.ts';
import { gc } from './gc-schema.ts';
import { http } from './http-schema.ts';
import { log } from './log-schema.ts';

const MIB = 1024 * 1024;
const DAY = 24 * 60 * 60;

const manifests: JSONSchemaType<Settings['manifests']> = {
  type: 'object',
  description: 'What manifests may be pushed.',
  additionalProperties: false,
  required: ['maxBytes', 'mayLack'],
  properties: {
    maxBytes: {
      type: 'integer',
      description: 'Bytes a manifest may have; a larger one is a 413.',
      minimum: 1024,
      // A small object of the storage, in which the manifest has a line in front.
      maximum: 15 * MIB,
      default: 4 * MIB,
    },
    mayLack: {
      type: 'string',
      enum: ['nothing', 'children', 'anything'],
      description:
        'What a manifest may refer to although it is absent: nothing; children, the manifests an index lists, for copies of single platforms; or anything, layers too.',
      default: 'nothing',
    },
  },
};

const deletes: JSONSchemaType<Settings['deletes']> = {
  type: 'object',
  description: 'Deletion by clients.',
  additionalProperties: false,
  required: ['enabled'],
  properties: {
    enabled: {
      type: 'boolean',
      description: 'Whether clients may delete tags, manifests and blobs; if not, the answer is a 405.',
      default: true,
    },
  },
};

const uploads: JSONSchemaType<Settings['uploads']> = {
  type: 'object',
  description: 'Uploads of blobs.',
  additionalProperties: false,
  required: ['maxAge', 'maxConcurrent'],
  properties: {
    maxAge: {
      type: 'integer',
      description: 'Seconds after which an unfinished upload may be swept away.',
      minimum: 60,
      // Storage sweeps what is older by itself: storage-filesystem after eight days.
      maximum: 7 * DAY,
      default: 7 * DAY,
    },
    maxConcurrent: {
      type: 'integer',
      description:
        'Uploads whose bytes one process receives at once; each holds at most two parts of the storage driver in memory. One more is a 429.',
      minimum: 1,
      default: 512,
    },
  },
};

const lists: JSONSchemaType<Settings['lists']> = {
  type: 'object',
  description: 'Lists of tags, repositories and referrers.',
  additionalProperties: false,
  required: ['maxPageSize'],
  properties: {
    maxPageSize: {
      type: 'integer',
      description:
        'Entries of one page. A client that asks for more gets this many and a `Link` to the next page.',
      minimum: 1,
      maximum: 100_000,
      default: 10_000,
    },
  },
};

const redirects: JSONSchemaType<Settings['redirects']> = {
  type: 'object',
  description:
    'Sends clients that GET a blob to the bucket that has it (307), by a URL signed for that blob alone. Only storage in a cloud can; the bytes of others, and of blobs up to 64 KiB, come from the registry.',
  additionalProperties: false,
  required: ['enabled', 'expires', 'exceptNetworks', 'exceptUserAgents'],
  properties: {
    enabled: {
      type: 'boolean',
      description:
        'Whether clients are sent there. If not, all bytes go through the registry, as they must where clients cannot reach the bucket.',
      default: true,
    },
    expires: {
      type: 'integer',
      description: 'Seconds for which a URL may be used: a download that has begun goes on after that.',
      minimum: 10,
      maximum: DAY,
      default: 20 * 60,
    },
    exceptNetworks: {
      type: 'array',
      items: { type: 'string', pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$' },
      description:
        'Networks whose clients are not redirected, such as `10.0.0.0/8` or `fd00::/8`. Behind proxies, clients have addresses only if those are in `http.trustedProxies`.',
      default: [],
    },
    exceptUserAgents: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description:
        'Clients that are not redirected because they mishandle it: texts of which their `User-Agent` contains one, in capitals or not.',
      default: [],
    },
  },
};

const cache: JSONSchemaType<Settings['cache']> = {
  type: 'object',
  description: 'Memory spent on not asking the storage again. The storage keeps the truth.',
  additionalProperties: false,
  required: ['manifestBytes', 'blobBytes'],
  properties: {
    manifestBytes: {
      type: 'integer',
      description: 'Bytes of memory for manifests.',
      minimum: MIB,
      default: 32 * MIB,
    },
    blobBytes: {
      type: 'integer',
      description: 'Bytes of memory for small blobs, such as the configs of images.',
      minimum: MIB,
      default: 16 * MIB,
    },
  },
};

const plugins = {
  type: 'array',
  description:
    'The plugins, in the order in which they are set up. Exactly one gives the storage. In JSON and YAML an entry is `{ "use": "<package>", "options": { … } }`.',
  default: [],
};

const properties: Readonly<Record<keyof Settings | 'plugins', object>> = {
  http: { ...http, default: {} },
  log: { ...log, default: {} },
  diagnostics: { ...diagnostics, default: {} },
  manifests: { ...manifests, default: {} },
  deletes: { ...deletes, default: {} },
  uploads: { ...uploads, default: {} },
  gc: { ...gc, default: {} },
  lists: { ...lists, default: {} },
  redirects: { ...redirects, default: {} },
  cache: { ...cache, default: {} },
  plugins,
};

/**
 * The JSON schema of the configuration: the only home of its defaults, limits and descriptions.
 * docs/configuration.md is generated from it.
 */
export const configSchema = { type: 'object', additionalProperties: false, properties };
