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
  setup({ name, hooks, options, inherited }) {
    const memory = inherited === undefined ? new Memory(options.maxBytes) : kept(inherited, options);
    const driver = new MemoryDriver(memory);
    hooks.storage.tap(name, () => driver);
    return { start: refuseWorkers, handOver: () => memory };
  },
});

/** A reload goes on with the memory there is: another one would be empty. */
function kept(inherited: unknown, { maxBytes }: Options): Memory {
  if (inherited instanceof Memory && inherited.maxBytes === maxBytes) return inherited;
  throw new Error('a reload cannot change what is in memory; restart the registry, and all of it is gone');
}

async function refuseWorkers(): Promise<void> {
  if (cluster.isPrimary) return;
  throw new Error(
    'each worker would have images of its own in its memory; set http.workers to 1, or choose a storage that they share',
  );
}
