import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import type { Settings } from './define-config.ts';

const MIB = 1024 * 1024;
const DAY = 24 * 60 * 60;

const always: JSONSchemaType<Omit<Settings['http'], 'tls' | 'redirectPort' | 'redirectTo'>> = {
  type: 'object',
  description: 'Where the registry listens, and how patient it is.',
  additionalProperties: false,
  required: [
    'host',
    'port',
    'workers',
    'stopDelay',
    'drainTimeout',
    'idleTimeout',
    'maxHeaderBytes',
    'trustedProxies',
    'forwardedHeader',
  ],
  properties: {
    host: {
      type: 'string',
      description:
        'Address to listen on. The default is reached from this machine alone; `0.0.0.0` listens on every network.',
      minLength: 1,
      default: '127.0.0.1',
    },
    port: {
      type: 'integer',
      description: 'TCP port to listen on. `0` takes a free one.',
      minimum: 0,
      maximum: 65_535,
      default: 5000,
    },
    workers: {
      type: ['integer', 'string'],
      description:
        'How many processes `registry start` serves with, on one port; `auto` is one for each processor. One that dies is replaced. The storage has to be one that processes share. An embedded registry (`createRegistry`) serves in the process it is in, whatever this says.',
      minimum: 1,
      maximum: 256,
      pattern: '^auto$',
      default: 1,
    },
    stopDelay: {
      type: 'number',
      description:
        'Seconds that a registry told to stop goes on taking connections while `/readyz` is a 503 already: what a balancer needs to notice. `drainTimeout` begins after it.',
      minimum: 0,
      maximum: DAY,
      default: 0,
    },
    drainTimeout: {
      type: 'number',
      description:
        'Seconds that requests in flight have to finish when the registry stops; what is left then is cut. Keep it below the time your supervisor waits before it kills.',
      minimum: 0,
      maximum: DAY,
      default: 25,
    },
    idleTimeout: {
      type: 'number',
      description:
        'Seconds without progress after which a connection is closed: the client neither sends what it announced nor takes what it asked for. How long a transfer lasts as a whole is not limited.',
      exclusiveMinimum: 0,
      maximum: DAY,
      default: 60,
    },
    maxHeaderBytes: {
      type: 'integer',
      description:
        'Bytes that the request line and the headers of a request may have together; more is a 431.',
      minimum: 1024,
      maximum: MIB,
      default: 16_384,
    },
    trustedProxies: {
      type: 'array',
      items: { type: 'string', pattern: '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$' },
      description:
        'Networks or addresses of the proxies in front, such as `10.0.0.0/8`. The address of a client and `X-Request-Id` are taken from headers that one of them has sent, and from nobody else: without any, a client is who connects.',
      default: [],
    },
    forwardedHeader: {
      type: 'string',
      enum: ['X-Forwarded-For', 'Forwarded'],
      description:
        'The header in which trusted proxies say whose request they pass on. Each adds who has connected to it; a proxy that leaves alone what clients have written there makes addresses worthless.',
      default: 'X-Forwarded-For',
    },
  },
};

const file = { type: 'string', minLength: 1 };

/** All of it may be left out: then there is no TLS. */
const tls = {
  type: 'object',
  description:
    'Serves https on `port`, and no plain HTTP. Paths are relative to the folder the registry is started in. The files are looked at every two seconds: new ones count for new connections, broken ones change nothing and are logged.',
  additionalProperties: false,
  required: ['clientAuth', 'minVersion', 'ciphers'],
  properties: {
    cert: {
      ...file,
      description:
        'PEM file with the certificate, and those of the CAs between it and a root behind it. Left out, with `key`, when a plugin gives them.',
    },
    key: { ...file, description: 'PEM file with the private key of the certificate, not encrypted.' },
    clientCa: {
      ...file,
      description: 'PEM file with the CAs of client certificates. Without it no client is asked for one.',
    },
    clientAuth: {
      type: 'string',
      enum: ['request', 'require'],
      description:
        'Whether clients without a certificate of `clientCa` may connect and say in another way who they are, or not: probes as well then need a certificate.',
      default: 'request',
    },
    minVersion: {
      type: 'string',
      enum: ['TLSv1.2', 'TLSv1.3'],
      description: 'The oldest version of TLS that is spoken.',
      default: 'TLSv1.2',
    },
    ciphers: {
      type: 'string',
      minLength: 1,
      description:
        'Cipher suites in the order in which they are preferred, as OpenSSL names them. The default has forward secrecy and authenticated encryption throughout.',
      default: [
        'TLS_AES_128_GCM_SHA256',
        'TLS_AES_256_GCM_SHA384',
        'TLS_CHACHA20_POLY1305_SHA256',
        'ECDHE-ECDSA-AES128-GCM-SHA256',
        'ECDHE-RSA-AES128-GCM-SHA256',
        'ECDHE-ECDSA-AES256-GCM-SHA384',
        'ECDHE-RSA-AES256-GCM-SHA384',
        'ECDHE-ECDSA-CHACHA20-POLY1305',
        'ECDHE-RSA-CHACHA20-POLY1305',
      ].join(':'),
    },
  },
};

const redirectPort = {
  type: 'integer',
  description:
    'TCP port that speaks plain HTTP and answers every request with a redirect to https (308). It needs `tls`. `0` takes a free one.',
  minimum: 0,
  maximum: 65_535,
};

const redirectTo = {
  type: 'string',
  pattern: '^https://[^\\s"\\\\/?#]+$',
  description:
    'Where requests to `redirectPort` are sent, when that is not the host they have asked for with `port`: `https://registry.example.com`.',
};

/** The shape of all of it is that of `Settings['http']`; what may be left out altogether has no JSONSchemaType. */
export const http: object = {
  ...always,
  properties: { ...always.properties, tls, redirectPort, redirectTo },
};
