import { createHooks, type Diagnosis } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { messageOf } from '../error-message.ts';
import type { Logger } from '../log.ts';
import { chooseStorage } from '../plugins/choose-storage.ts';
import { PluginHost } from '../plugins/plugin-host.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { configSmells } from './config-smells.ts';
import { diagnoseAddress, diagnoseLimits, diagnoseMemory, diagnoseTls } from './machine.ts';
import { tryStorage } from './storage-trial.ts';

export interface Examined extends Diagnosis {
  /** What was examined: `settings`, `machine`, `storage`, or a plugin. */
  readonly part: string;
}

/**
 * Looks at all a registry of this configuration needs. Only plugins that give or wrap the storage are started; nothing
 * is left behind, and a registry may be running meanwhile.
 */
export async function* examine(config: ResolvedConfig, log: Logger): AsyncGenerator<Examined> {
  const hooks = createHooks();
  const host = new PluginHost(config.plugins, hooks, log);
  const { plugin, driver } = chooseStorage(hooks);
  yield* of('settings', configSmells(config, hooks));
  yield* of('machine', [
    await diagnoseAddress(config),
    ...(await diagnoseTls(config, log)),
    ...(await diagnoseLimits()),
    diagnoseMemory(config, driver),
  ]);
  for (const { plugin: part, ...diagnosis } of await host.diagnose()) yield { part, ...diagnosis };

  const storing = [...hooks.storage.taps, ...hooks.wrapStorage.taps].map(({ name }) => name);
  try {
    await host.start(new Set(storing));
  } catch (error) {
    const advice = `see the README of ${plugin}`;
    yield { part: 'storage', subject: 'the storage', state: 'bad', finding: messageOf(error), advice };
    return;
  }
  try {
    yield* of('storage', await tryStorage(new TimeLimitedDriver(driver)));
    const ill = (await host.health()).filter(({ name, healthy }) => storing.includes(name) && !healthy);
    for (const { name, reason = 'is not well' } of ill)
      yield { part: name, subject: 'the plugin', state: 'bad', finding: reason };
  } finally {
    await host.stop();
  }
}

function of(part: string, diagnoses: readonly Diagnosis[]): readonly Examined[] {
  return diagnoses.map((diagnosis) => ({ part, ...diagnosis }));
}
