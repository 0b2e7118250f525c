import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import type { LogLevel, Settings } from './define-config.ts';

const levels: LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** The settings of the log. */
export const log: JSONSchemaType<Settings['log']> = {
  type: 'object',
  description: 'The log, written to standard output.',
  additionalProperties: false,
  required: ['level', 'format', 'levels', 'access', 'accessFormat', 'pullShare'],
  properties: {
    level: {
      type: 'string',
      description: 'The least severe level that is written.',
      enum: levels,
      default: 'info',
    },
    format: {
      type: 'string',
      description: '`json` writes one object a line, `pretty` is for people, `auto` is pretty on a terminal.',
      enum: ['auto', 'json', 'pretty'],
      default: 'auto',
    },
    levels: {
      type: 'object',
      description:
        'Levels of single parts, instead of `level`: of `access` (a line for each request), `store`, `gc`, `events`, `http`, or of a plugin by its name.',
      additionalProperties: { type: 'string', enum: levels },
      required: [],
      default: {},
    },
    access: { type: 'boolean', description: 'Whether requests get a line each.', default: true },
    accessFormat: {
      type: 'string',
      description:
        'How such a line says what it says: in fields, or with the field `combined` in the format of Apache of that name.',
      enum: ['fields', 'combined'],
      default: 'fields',
    },
    pullShare: {
      type: 'number',
      description:
        'The share of requests with GET and HEAD that went well and get a line: `0.1` is every tenth. All others always do.',
      minimum: 0,
      maximum: 1,
      default: 1,
    },
  },
};
