import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { SqliteDriver } from './driver.ts';

export { SqliteDriver };

interface Options {
  readonly file: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['file'],
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      default: './registry.sqlite',
      description: 'The database; created if it is missing, in a folder that exists.',
    },
  },
};

/** Keeps the registry in one SQLite file. */
export default definePlugin<Options, Partial<Options>>({
  name: 'storage-sqlite',
  schema,
  setup({ name, hooks, options }) {
    const driver = new SqliteDriver(options.file);
    hooks.storage.tap(name, () => driver);
    return { start: () => driver.start(), health: () => driver.health(), stop: () => driver.stop() };
  },
});
