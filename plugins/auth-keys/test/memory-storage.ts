import { createHooks, type StorageDriver } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A storage that is empty. */
export function newStorage(): StorageDriver {
  const hooks = createHooks();
  const plugin = storageMemory();
  const decisions = {
    clientOf: () => ({ address: '127.0.0.1' }),
    identify: async () => undefined,
    permits: async () => false,
  };
  const context = { name: plugin.name, options: plugin.options ?? {}, hooks, log: silent, decisions };
  Reflect.apply(plugin.setup, plugin, [context]);
  return hooks.storage.call();
}
