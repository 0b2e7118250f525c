import { basename, dirname } from 'node:path';
import { OptionsError, resolveOptions } from '@entrepot/plugin-sdk';
import type { RegistryConfig, ResolvedConfig, Settings } from './define-config.ts';
import { isObject } from './is-object.ts';
import { loadPlugins } from './load-plugins.ts';
import { Problems } from './problems.ts';
import { configSchema } from './schema.ts';

export type Overrides = Omit<RegistryConfig, 'plugins'>;

export interface ConfigOrigin {
  /** The file the configuration was read from: messages name it, and `use` is looked up from its folder. */
  readonly file?: string;
  /** Settings that win over those of the configuration, from the command line. */
  readonly overrides?: Overrides;
}

const resolved = new WeakSet<object>();

/**
 * Checks what a user wrote, fills the defaults in, loads the plugins that are named by package, and freezes the
 * result. What has been resolved before is returned as it is.
 * @throws OptionsError with every mistake of the settings and of the plugins.
 */
export async function resolveConfig(input: unknown, origin: ConfigOrigin = {}): Promise<ResolvedConfig> {
  if (isResolved(input)) return input;
  const where = origin.file === undefined ? 'config' : basename(origin.file);
  if (!isObject(input)) throw new OptionsError([`${where}: the configuration must be an object`]);

  const problems = new Problems();
  const entries = Array.isArray(input['plugins']) ? input['plugins'] : [];
  // Entries are plugins with functions and schemas of their own; here it only matters that they are a list.
  const written = { ...override(input, origin.overrides ?? {}), ...(entries.length > 0 && { plugins: [] }) };
  const settings = problems.attempt(() => resolveOptions<Settings>(where, configSchema, written));
  const plugins = await loadPlugins(entries, {
    where: `${where}: plugins`,
    directory: origin.file === undefined ? process.cwd() : dirname(origin.file),
    problems,
  });
  if (settings === undefined || problems.found.length > 0) throw new OptionsError(problems.found);

  const config: ResolvedConfig = Object.freeze({ ...settings, plugins: Object.freeze(plugins) });
  resolved.add(config);
  return config;
}

function isResolved(input: unknown): input is ResolvedConfig {
  return typeof input === 'object' && input !== null && resolved.has(input);
}

/** A group that is not an object is left alone: it is about to be refused. */
function override(input: Readonly<Record<string, unknown>>, overrides: Overrides): Record<string, unknown> {
  const result = { ...input };
  for (const [group, settings] of Object.entries(overrides)) {
    const written = input[group] ?? {};
    if (isObject(written)) result[group] = { ...written, ...settings };
  }
  return result;
}
