import { existsSync } from 'node:fs';
import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';

interface Options {
  readonly breaksBy: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['breaksBy'],
  properties: {
    breaksBy: {
      type: 'string',
      default: '',
      description: 'A file that keeps the registry from starting while it is there.',
    },
  },
};

/** Logs the process it is in, and ends it with exit code 7 on SIGUSR2. */
export default definePlugin<Options, Partial<Options>>({
  name: 'probe',
  schema,
  setup: ({ log, options }) => ({
    async start() {
      log.info({ pid: process.pid }, 'a process starts');
      process.on('SIGUSR2', () => process.exit(7));
      if (existsSync(options.breaksBy)) throw new Error('the probe is to break');
    },
  }),
});
