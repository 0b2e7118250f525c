import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import type { Settings } from './define-config.ts';

/** The settings of the endpoints for operators. */
export const diagnostics: JSONSchemaType<Settings['diagnostics']> = {
  type: 'object',
  description:
    'The address for operators: metrics of plugins, `/livez`, and `/readyz` with the reasons. The registry listens there when a plugin has something to show, or `debug` is on. Nobody is asked who they are.',
  additionalProperties: false,
  required: ['host', 'port', 'debug'],
  properties: {
    host: {
      type: 'string',
      description:
        'Address to listen on. The default is reached from this machine alone; a Prometheus elsewhere needs one of a network that clients do not reach.',
      minLength: 1,
      default: '127.0.0.1',
    },
    port: {
      type: 'integer',
      description: 'TCP port to listen on. `0` takes a free one.',
      minimum: 0,
      maximum: 65_535,
      default: 5001,
    },
    debug: {
      type: 'boolean',
      description:
        'Whether `/debug/figures` and `/debug/cpu-profile?seconds=10` are there too. Only with a `host` of this machine: `127.0.0.1`, `::1` or `localhost`.',
      default: false,
    },
  },
};
