import { resolve } from 'node:path';
import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { diagnoseRoot } from './diagnosis.ts';
import { FilesystemDriver } from './driver.ts';

export { FilesystemDriver } from './driver.ts';
export type { FilesystemOptions } from './driver.ts';

interface Options {
  readonly root: string;
  readonly fsync: boolean;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['root', 'fsync'],
  properties: {
    root: {
      type: 'string',
      minLength: 1,
      default: './.registry',
      description:
        'The directory that holds the registry; created if it is missing. Relative to the working directory.',
    },
    fsync: {
      type: 'boolean',
      default: true,
      description:
        'Whether a push is answered only when it would survive a loss of power. Without it the last seconds of ' +
        'answered pushes may be lost with the power; the death of the process loses nothing either way.',
    },
  },
};

/** Keeps the registry in a directory, which several processes may share. */
export default definePlugin<Options, Partial<Options>>({
  name: 'storage-filesystem',
  schema,
  setup({ name, hooks, options: { root, fsync }, log }) {
    const driver = new FilesystemDriver({ root, fsync, log });
    hooks.storage.tap(name, () => driver);
    return {
      start: () => driver.start(),
      health: () => driver.health(),
      stop: () => driver.stop(),
      diagnose: () => diagnoseRoot(resolve(root)),
    };
  },
});
