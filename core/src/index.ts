/** What this file exports is the public API of @entrepot/core; nothing else is. */
export { createRegistry } from './registry.ts';
export type { Registry, RegistryOptions, Reload } from './registry/surface.ts';
export type { RegistryAddress } from './registry/address.ts';
export type { SiblingChannel } from './workers/sibling-channel.ts';
export { defineConfig } from './config/define-config.ts';
export type {
  ConfigExport,
  PluginByName,
  PluginEntry,
  RegistryConfig,
  ResolvedConfig,
  Settings,
} from './config/define-config.ts';
export { loadConfig } from './config/load-config.ts';
export type { LoadedConfig, LoadOptions } from './config/load-config.ts';
export type { RegistryHealth } from './server/edge.ts';
export type { PluginHealth } from './plugins/plugin-host.ts';
