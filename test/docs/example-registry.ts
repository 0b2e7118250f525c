import { createRegistry, type RegistryConfig } from '@entrepot/core';
import type { Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';

/** A registry with an example in it, on a free port. */
export interface ExampleRegistry {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a silent registry in memory with these plugins. */
export async function openRegistry(
  plugins: readonly Plugin[],
  settings: Omit<RegistryConfig, 'plugins'> = {},
): Promise<ExampleRegistry> {
  return openRegistryOn([storageMemory(), ...plugins], settings);
}

/** Starts a silent registry with these plugins, one of which gives the storage. */
export async function openRegistryOn(
  plugins: readonly Plugin[],
  settings: Omit<RegistryConfig, 'plugins'> = {},
): Promise<ExampleRegistry> {
  const config = { http: { port: 0 }, log: { level: 'silent' }, ...settings, plugins } as const;
  const registry = await createRegistry(config);
  const { url } = await registry.start();
  return { url, stop: () => registry.stop() };
}
