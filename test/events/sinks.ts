import { definePlugin, withMethods, type Plugin, type StorageDriver } from '@entrepot/plugin-sdk';
import { EventSink, type Deliver, type SinkOptions } from '@entrepot/plugin-sdk/events';

const noOptions = { type: 'object', additionalProperties: false, required: [] } as const;

export const sinkOptions: SinkOptions = {
  delivery: 'atLeastOnce',
  actions: ['push', 'mount', 'delete', 'tag'],
  repositories: [],
  mediaTypes: [],
  pullSample: 1,
  maxBytes: 10_000_000,
  keepHours: 24,
  attempts: 3,
  retrySeconds: 0.01,
  maxRetrySeconds: 0.05,
  maxAgeHours: 1,
  timeoutSeconds: 60,
};

/** A plugin that delivers events to a function. */
export function sink(deliver: Deliver, options: Partial<SinkOptions> = {}): Plugin {
  return definePlugin<Record<string, never>>({
    name: 'events-of-this-test',
    schema: noOptions,
    setup: (context) =>
      new EventSink(context, { name: 'test', options: { ...sinkOptions, ...options }, deliver }).handle(),
  })();
}

/** A plugin that is asked before each write of storage: what it gives is waited for. */
export function guard(beforeWrite: (key: string) => Promise<void>): Plugin {
  return definePlugin<Record<string, never>>({
    name: 'storage-guard',
    schema: noOptions,
    setup({ name, hooks }) {
      hooks.wrapStorage.tap(name, (driver) => {
        const write: StorageDriver['write'] = async (key, bytes, options) => {
          await beforeWrite(key);
          return driver.write(key, bytes, options);
        };
        return withMethods(driver, { write });
      });
    },
  })();
}
