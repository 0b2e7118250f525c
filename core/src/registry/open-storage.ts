import { createHooks, type Hooks, type StorageDriver } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import { chooseStorage } from '../plugins/choose-storage.ts';
import { PluginHost } from '../plugins/plugin-host.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';

/** The storage of a registry that is not being served by this process. Others may serve it meanwhile. */
export interface OpenStorage {
  /** The plugin that gives it. */
  readonly plugin: string;
  readonly driver: StorageDriver;
  /** The hooks, with the taps of all plugins. */
  readonly hooks: Hooks;
  /** Stops what was started. */
  close(): Promise<void>;
}

/**
 * Sets all plugins up, as a start would, and starts only those that give or wrap the storage.
 * @throws Error when a plugin cannot be set up or started, or the plugins give no storage or several.
 */
export async function openStorage(config: ResolvedConfig, log: Logger): Promise<OpenStorage> {
  const hooks = createHooks();
  const host = new PluginHost(config.plugins, hooks, log, { storage: () => driver });
  const { plugin, driver } = chooseStorage(hooks);
  const taps = [...hooks.storage.taps, ...hooks.wrapStorage.taps];
  await host.start(new Set(taps.map(({ name }) => name)));
  return { plugin, driver, hooks, close: () => host.stop() };
}

/** As {@link openStorage}, with a driver whose calls end in time, as plugins have it in a registry that serves. */
export async function openLimitedStorage(config: ResolvedConfig, log: Logger): Promise<OpenStorage> {
  const storage = await openStorage(config, log);
  return { ...storage, driver: new TimeLimitedDriver(storage.driver) };
}
