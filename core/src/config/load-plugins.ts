import { apiVersion, resolveOptions, type Plugin, type PluginContext } from '@entrepot/plugin-sdk';
import { messageOf } from '../error-message.ts';
import { importFrom } from './import-from.ts';
import { isObject } from './is-object.ts';
import type { Problems } from './problems.ts';
import type { PluginByName } from './define-config.ts';

/** A plugin whose options have been checked and are bound to it. */
export interface LoadedPlugin {
  readonly name: string;
  /** The registry does its work without it. */
  readonly optional: boolean;
  setup(context: Omit<PluginContext<never>, 'name' | 'options'>): unknown;
}

export interface PluginOrigin {
  /** Begins each message: `registry.config.js: plugins`. */
  readonly where: string;
  /** Where `use` is looked up from. */
  readonly directory: string;
  readonly problems: Problems;
}

const byNameSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['use'],
  properties: { use: { type: 'string', minLength: 1 }, options: { type: 'object' } },
};

/** Makes plugins of the entries of `plugins`. Falsy entries are left out; every mistake goes to `problems`. */
export async function loadPlugins(
  entries: readonly unknown[],
  origin: PluginOrigin,
): Promise<LoadedPlugin[]> {
  const { problems } = origin;
  const places = new Map<string, string>();
  const loaded: LoadedPlugin[] = [];
  for (const [index, entry] of entries.entries()) {
    if (entry === false || entry === null || entry === undefined || entry === '') continue;
    const place = `${origin.where}[${index}]`;
    const plugin = await toPlugin(entry, place, origin);
    if (plugin === undefined) continue;

    const where = `${place} ${plugin.name}`;
    const earlier = places.get(plugin.name);
    if (earlier !== undefined)
      problems.add(`${where}: there is a plugin of this name at ${earlier}; remove one of them`);
    places.set(plugin.name, `plugins[${index}]`);
    const bound = bind(plugin, where, problems);
    if (bound !== undefined) loaded.push(bound);
  }
  return loaded;
}

async function toPlugin(entry: unknown, place: string, origin: PluginOrigin): Promise<Plugin | undefined> {
  if (isPlugin(entry)) return entry;
  if (isFactory(entry)) {
    origin.problems.add(
      `${place} is a function; call it to get the plugin: ${entry.pluginName ?? 'plugin'}({ … })`,
    );
    return undefined;
  }
  if (isObject(entry) && 'use' in entry) return useByName(entry, place, origin);
  origin.problems.add(`${place} must be a plugin, or { use: '<package>', options: { … } }`);
  return undefined;
}

async function useByName(
  entry: object,
  place: string,
  { directory, problems }: PluginOrigin,
): Promise<Plugin | undefined> {
  const named = problems.attempt(() => resolveOptions<PluginByName>(place, byNameSchema, entry));
  if (named === undefined) return undefined;
  try {
    const { default: factory } = await importFrom(directory, named.use);
    const plugin = isFactory(factory) ? factory(named.options) : undefined;
    if (isPlugin(plugin)) return plugin;
    problems.add(
      `${place}: '${named.use}' is no plugin; a plugin package exports by default what definePlugin returns`,
    );
  } catch (error) {
    problems.add(`${place}: ${messageOf(error)}`);
  }
  return undefined;
}

function bind(plugin: Plugin, where: string, problems: Problems): LoadedPlugin | undefined {
  const { name } = plugin;
  if (plugin.apiVersion !== apiVersion) {
    problems.add(
      `${where}: it is made for version ${plugin.apiVersion} of the plugin API, this registry has version ${apiVersion}; ` +
        `install a version of the plugin that fits`,
    );
    return undefined;
  }
  try {
    return problems.attempt(() => {
      const options = resolveOptions<never>(where, plugin.schema, plugin.options);
      const optional = plugin.optional === true;
      return { name, optional, setup: (context) => plugin.setup({ ...context, name, options }) };
    });
  } catch (error) {
    problems.add(`${where}: the schema of its options is not valid: ${messageOf(error)}`);
    return undefined;
  }
}

/** Told apart by shape: a plugin may come from another copy of the SDK. */
function isPlugin(value: unknown): value is Plugin {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    typeof value['apiVersion'] === 'number' &&
    isObject(value['schema']) &&
    typeof value['setup'] === 'function'
  );
}

function isFactory(value: unknown): value is { (options?: unknown): unknown; readonly pluginName?: string } {
  return typeof value === 'function';
}
