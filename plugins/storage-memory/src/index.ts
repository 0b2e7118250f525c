import cluster from 'node:cluster';
import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { MemoryDriver } from './driver.ts';
import { Memory } from './memory.ts';

export { Memory, MemoryDriver };

interface Options {
  readonly maxBytes: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['maxBytes'],
  properties: {
    maxBytes: {
      type: 'integer',
      minimum: 1,
      default: 1024 ** 3,
      description:
        'The most bytes that objects and unfinished uploads may hold together; pushes beyond are refused (507).',
    },
  },
};

/** Keeps the registry in memory: for tests, demonstrations and caches that may be lost. */
export default definePlugin<Options, Partial<Options>>({
  name: 'storage-memory',
  schema,
  setup({ name, hooks, options }) {
    const driver = new MemoryDriver(new Memory(options.maxBytes));
    hooks.storage.tap(name, () => driver);
    return { start: refuseWorkers };
  },
});

async function refuseWorkers(): Promise<void> {
  if (cluster.isPrimary) return;
  throw new Error(
    'each worker would have images of its own in its memory; set http.workers to 1, or choose a storage that they share',
  );
}
